// What test_browser.py has the page do, beside the example's own files: replays a trial and provokes errors.

import { actionProbabilities, sampleAction } from "/gameagent/decisions.js";
import { Agent, RandomNumbers } from "/gameagent/gameagent.js";

/**
 * Plays a part of every recorded trial, twice: the draws take Python's uniform numbers, or the agent's own.
 * The second half goes on from the mind that the first has saved.
 */
export async function playAll(trials, part) {
  const played = { pythons_random: [], own_random: [] };
  for (const [index, trial] of trials.entries()) {
    for (const way of Object.keys(played)) played[way].push(await play(trial, part, way, `mind.${index}.${way}`));
  }
  return played;
}

async function play({ bundle, temperature, steps }, part, way, key) {
  const half = Math.floor(steps.length / 2);
  const parts = { whole: [0, steps.length], "first half": [0, half], "second half": [half, steps.length] };
  let [decision, end] = parts[part];
  const restored = decision > 0;
  const seed = restored ? undefined : 5; // the saved state of the agent's random numbers goes on
  const random = way === "pythons_random" ? () => steps[decision].uniform : undefined;
  const agent = await Agent.load(bundle, { temperature, random, seed });
  if (restored) agent.restore(key);
  else agent.beginTrial();
  const played = [];
  for (; decision < end; decision++) {
    const { observation, legal_actions: legal, reward, terminated, truncated } = steps[decision];
    const action = await agent.act(observation, legal);
    const { logits, probabilities, rawBeliefs } = agent;
    const { hiddenState } = agent.snapshot();
    agent.observe(reward, terminated, truncated);
    const { returns } = agent;
    played.push({ action, logits, probabilities, rawBeliefs, beliefs: agent.beliefs(), hiddenState, returns });
  }
  agent.save(key);
  return played;
}

/** From logits to actions, without any policy. */
export function draw(cases) {
  return cases.map(({ logits, legal, temperature, uniform }) => {
    const probabilities = actionProbabilities(logits, legal, temperature);
    return { probabilities, action: sampleAction(probabilities, uniform) };
  });
}

export function randomNumbers(seed, count) {
  const random = new RandomNumbers(BigInt(seed));
  return Array.from({ length: count }, () => random.next());
}

/** By case: the name and message of the error; null where nothing was thrown. */
export async function provokeErrors() {
  const errors = {};
  const provoke = async (name, misuse) => {
    errors[name] = await Promise.resolve().then(misuse).then(() => null, (error) => [error.name, error.message]);
  };
  for (const file of ["missing.onnx", "index.html", "plain.onnx", "changed.onnx", "short.onnx", "empty.onnx"]) {
    await provoke(file, () => Agent.load(file));
  }
  await provoke("temperature", () => Agent.load("recurrent.onnx", { temperature: -1 }));
  await provoke("seed", () => Agent.load("recurrent.onnx", { seed: -1 }));
  await provokeCallOrder(provoke);
  await provokeInputs(provoke);
  await provokeMinds(provoke);
  return errors;
}

async function provokeCallOrder(provoke) {
  const agent = await Agent.load("recurrent.onnx");
  await provoke("act before beginTrial", () => agent.act([0, 0, 0]));
  await provoke("save before beginTrial", () => agent.save("unused"));
  agent.beginTrial();
  await provoke("beliefs before act", () => agent.beliefs());
  await provoke("observe before act", () => agent.observe(0));
  const deciding = agent.act([0, 0, 0]);
  await provoke("act while deciding", () => agent.act([0, 0, 0]));
  await provoke("save while deciding", () => agent.save("unused"));
  await deciding;
  await provoke("act twice", () => agent.act([0, 0, 0]));
  agent.observe(0);
  const late = agent.act([0, 0, 0]);
  agent.beginTrial();
  await provoke("beginTrial while deciding", () => late);
  await provoke("the new trial goes on", () => agent.act([0, 0, 0]));
}

async function provokeInputs(provoke) {
  const agent = await Agent.load("recurrent.onnx", { seed: 1 });
  const masked = await Agent.load("masked.onnx", { seed: 1 });
  for (const each of [agent, masked]) each.beginTrial();
  const before = JSON.stringify([agent.snapshot(), masked.snapshot()]);
  await provoke("observation too short", () => agent.act([0, 0]));
  await provoke("observation NaN", () => agent.act([0, 0, NaN]));
  await provoke("observation beyond single precision", () => agent.act([0, 1e39, 0]));
  await provoke("observation of texts", () => agent.act(["0", "0", "0"]));
  await provoke("mask not wanted", () => agent.act([0, 0, 0], [true, true, true]));
  await provoke("mask left out", () => masked.act([0, 0, 0, 0]));
  await provoke("mask is an index", () => masked.act([0, 0, 0, 0], 2));
  await provoke("mask without a legal action", () => masked.act([0, 0, 0, 0], [false, false, false, false]));
  const same = JSON.stringify([agent.snapshot(), masked.snapshot()]) === before;
  await agent.act([0, 0, 0]);
  await provoke("reward NaN", () => agent.observe(NaN));
  await provoke("flag is a number", () => agent.observe(0, 1));
  await provoke("no such action", () => agent.observe(0, false, false, { action: 3 }));
  await provoke("the agent is as it was", () => {
    if (!same) throw new Error("it changed");
    agent.observe(1, true); // is still due
  });
}

async function provokeMinds(provoke) {
  const agent = await Agent.load("recurrent.onnx", { seed: 1 });
  const masked = await Agent.load("masked.onnx");
  agent.beginTrial();
  await agent.act([0, 0, 0]);
  agent.save("mind");
  const mind = agent.snapshot();
  const put = (change) => localStorage.setItem("forged", JSON.stringify({ ...mind, ...change }));
  const forged = (name, change) => provoke(name, () => (put(change), agent.restore("forged")));
  await provoke("mind of another bundle", () => masked.restore("mind"));
  await provoke("no mind", () => agent.restore("nothing here"));
  await provoke("mind is no JSON", () => (localStorage.setItem("forged", "{"), agent.restore("forged")));
  await forged("mind of another format", { formatVersion: 0 });
  await forged("mind with too short a memory", { hiddenState: { ...mind.hiddenState, hidden_h: [0] } });
  await forged("mind with null in its memory", { hiddenState: { ...mind.hiddenState, hidden_h: [0, 0, 0, null] } });
  await forged("mind with an impossible action", { lastAction: 3 });
  await forged("mind that is deciding", { due: "answer" });
  await forged("mind that lacks a field", { returns: undefined });
  await provoke("the current trial is kept", () => agent.observe(0));
}
