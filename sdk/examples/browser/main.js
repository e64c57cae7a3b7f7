/** The page: the agent plays the machines, the player watches and turns knobs, and a reload changes nothing. */

import { drawCurve, drawMachines } from "./drawing.js";
import { Agent, MindError, RandomNumbers } from "./gameagent/gameagent.js";
import { NUM_MACHINES, NUM_PULLS, count, isOver, newScore, newTrial, pull } from "./machines.js";

const GAME_KEY = "slot-machines"; // in localStorage
const MIND_KEY = "slot-machines.mind";
const SECONDS = { slow: 1.2, normal: 0.35, fast: 0 }; // of each part of a pull: it moves, it spins, it shows
const FAST_MS = 10; // of each frame, filled with pulls when the speed is fast
const OBSERVATION = [1]; // a bandit shows nothing

const parameters = new URLSearchParams(location.search); // ?seed=7&speed=fast, for a first visit
const at = (id) => document.getElementById(id);
const scene = { beliefs: [], showTruth: true, hand: (NUM_MACHINES - 1) / 2, lit: null, result: null };
const timings = []; // ms of the last decisions
let agent, random, game;
let note = "";
let restart = false; // whether a new trial is due after this pull

async function main() {
  const seed = parameters.has("seed") ? BigInt(parameters.get("seed")) : undefined;
  random = new RandomNumbers(seed);
  agent = await Agent.load("bandit.onnx", { seed });
  game = { memory: true, speed: parameters.get("speed") ?? "normal", paused: false, scores: newScores() };
  beginTrial();
  goOn();
  connectControls();
  document.body.dataset.state = "playing";
  for (;;) await (game.speed === "fast" ? pullsOfOneFrame() : slowPull());
}

function beginTrial() {
  agent.beginTrial();
  game.trial = newTrial(random);
  Object.assign(scene, { beliefs: [], lit: null, result: null });
  restart = false;
}

// Playing: the agent acts, the machine is pulled, the agent observes the outcome.

async function decide() {
  if (!game.memory) agent.beginTrial(); // what it would do if it forgot after every pull
  const start = performance.now();
  const machine = await agent.act(OBSERVATION);
  timings.unshift(performance.now() - start);
  timings.length = Math.min(timings.length, 200);
  scene.beliefs = agent.beliefs().win_probability;
  return machine;
}

function finish(machine) {
  const reward = pull(game.trial, machine, random);
  const terminated = true; // every pull is an episode
  agent.observe(reward, terminated);
  const complete = isOver(game.trial);
  if (complete && !restart) count(scoreAtHand(), game.trial);
  keep();
  return { reward, over: complete || restart };
}

async function slowPull() {
  const machine = await decide();
  const from = scene.hand;
  Object.assign(scene, { lit: null, result: null });
  await animate((progress) => (scene.hand = from + (machine - from) * (1 - (1 - progress) ** 3)));
  scene.lit = machine;
  await animate();
  const { reward, over } = finish(machine);
  scene.result = reward;
  await animate();
  if (over) await animate(); // a moment to look at the end of a trial
  if (over || restart) beginTrial();
}

async function pullsOfOneFrame() {
  const end = performance.now() + FAST_MS;
  while (!game.paused && performance.now() < end) {
    const machine = await decide();
    const { reward, over } = finish(machine);
    Object.assign(scene, { hand: machine, lit: machine, result: reward });
    if (over) beginTrial();
  }
  await nextFrame();
}

/** Draws frames for as long as one part of a pull takes; time stands still while the game is paused. */
async function animate(move = () => {}) {
  let passed = 0;
  while (passed < SECONDS[game.speed] * 1000) {
    const before = performance.now();
    await nextFrame();
    if (game.paused) continue;
    passed += performance.now() - before;
    move(Math.min(passed / (SECONDS[game.speed] * 1000), 1));
  }
  move(1);
}

async function nextFrame() {
  await new Promise(requestAnimationFrame);
  drawMachines(at("machines"), { ...scene, trial: game.trial });
  drawCurve(at("curve"), game.scores);
  showWords();
}

// A reload changes nothing: the game keeps its own state beside the agent's mind.

function keep() {
  agent.save(MIND_KEY);
  localStorage.setItem(GAME_KEY, JSON.stringify({ ...game, random: String(random.state) }));
}

function goOn() {
  const kept = JSON.parse(localStorage.getItem(GAME_KEY));
  if (!kept) return;
  try {
    agent.restore(MIND_KEY);
  } catch (error) {
    if (!(error instanceof MindError)) throw error;
    note = error.message; // another bundle's, say: the new trial stands
    return;
  }
  const { random: state, ...rest } = kept;
  random.state = BigInt(state);
  game = rest;
  if (isOver(game.trial)) return beginTrial();
  scene.beliefs = agent.beliefs().win_probability;
  if (game.memory) note = `Restored after ${game.trial.pulls.length} pulls of this trial: it remembers.`;
}

// What the player sees in words, and may change.

function showWords() {
  const { numTrials } = scoreAtHand();
  const median = timings.toSorted((a, b) => a - b)[Math.floor(timings.length / 2)] ?? 0;
  const wins = game.trial.pulls.filter(({ reward }) => reward).length;
  at("status").textContent =
    `trial ${numTrials + 1} · ${game.trial.pulls.length} of ${NUM_PULLS} pulls · ${wins} won\n` +
    `${median.toFixed(2)} ms a decision`;
  at("note").textContent = note;
  at("memory").textContent = game.memory ? "Memory is on: it learns" : "Memory is off: it forgets every pull";
  at("memory").ariaPressed = String(game.memory);
  at("truth").ariaPressed = String(scene.showTruth);
  at("pause").ariaPressed = String(game.paused);
  for (const button of at("speeds").children) button.ariaPressed = String(button.dataset.speed === game.speed);
  Object.assign(document.body.dataset, { trials: numTrials, pulls: game.trial.pulls.length });
}

function connectControls() {
  const onClick = (id, change) => at(id).addEventListener("click", change);
  onClick("memory", () => {
    game.memory = !game.memory;
    restart = true; // a trial is played in one way from its start to its end
    note = "";
  });
  onClick("truth", () => (scene.showTruth = !scene.showTruth));
  onClick("pause", () => (game.paused = !game.paused));
  onClick("fresh", () => (restart = true));
  onClick("forget", () => (game.scores = newScores()));
  onClick("speeds", ({ target }) => (game.speed = target.dataset.speed ?? game.speed));
}

const newScores = () => ({ withMemory: newScore(), withoutMemory: newScore() });
const scoreAtHand = () => (game.memory ? game.scores.withMemory : game.scores.withoutMemory);

main().catch((error) => {
  document.body.dataset.state = "failed";
  at("status").textContent = String(error);
  throw error;
});
