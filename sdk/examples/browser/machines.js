/** The game: machines that pay or not, and the score kept over many trials. It knows neither the agent nor pixels. */

export const NUM_MACHINES = 5;
export const NUM_PULLS = 10; // of a trial; each is an episode of one step

/** One trial: machines whose chances stay the same, and what was pulled so far. Plain data, for JSON. */
export function newTrial(random) {
  return { chances: Array.from({ length: NUM_MACHINES }, () => random.next()), pulls: [] };
}

/** Pulls a machine: 1 for a win, else 0. */
export function pull(trial, machine, random) {
  const reward = random.next() < trial.chances[machine] ? 1 : 0;
  trial.pulls.push({ machine, reward });
  return reward;
}

/** Whether a trial has had all its pulls. */
export const isOver = (trial) => trial.pulls.length >= NUM_PULLS;

/** How many wins there were at each pull, over complete trials. */
export const newScore = () => ({ numTrials: 0, wins: new Array(NUM_PULLS).fill(0) });

/** Counts a complete trial. */
export function count(score, trial) {
  score.numTrials += 1;
  trial.pulls.forEach(({ reward }, index) => (score.wins[index] += reward));
}
