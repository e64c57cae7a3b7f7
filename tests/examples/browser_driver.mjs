// Drives a real Chromium for test_browser.py: node browser_driver.mjs JOB.json, in a folder that has node_modules.
// Prints one JSON object: what the page said. The job says where the page is served and what to do there.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import process from "node:process";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const job = JSON.parse(await readFile(process.argv[2], "utf8"));

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** Opens a page that may reach the test's own server and nothing else; whatever goes wrong in it is kept. */
async function openPage(context, address, complaints) {
  const page = await context.newPage();
  await page.route("**/*", (route) => {
    if (route.request().url().startsWith(job.address)) return route.continue();
    complaints.push(`asked for ${route.request().url()}`);
    return route.abort();
  });
  page.on("pageerror", (error) => complaints.push(`pageerror: ${error.stack}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  await page.goto(job.address + address);
  return page;
}

/** Plays every trial straight through, and with a reload of the page in the middle. */
async function playTrials(page) {
  const inPage = (name, ...rest) =>
    page.evaluate(async ([call, given]) => (await import("/browser_page.js"))[call](...given), [name, rest]);
  const straight = await inPage("playAll", job.trials, "whole");
  const before = await inPage("playAll", job.trials, "first half");
  await page.reload();
  const after = await inPage("playAll", job.trials, "second half");
  const random = await inPage("randomNumbers", job.seed, 1000);
  const draws = await inPage("draw", job.draws);
  return { straight, before, after, random, draws, errors: await inPage("provokeErrors") };
}

/** Watches the game itself: it learns with memory, not without, and goes on after a reload. */
async function watchGame(page) {
  /** What the page shows, as soon as it is at a pull or beyond, in a trial of that number or later. */
  const shows = async (pulls, trials) => {
    const there = await page.waitForFunction(([leastPulls, leastTrials]) => {
      const shown = { pulls: Number(document.body.dataset.pulls), trials: Number(document.body.dataset.trials) };
      const note = document.getElementById("note").textContent;
      return shown.pulls >= leastPulls && shown.trials >= leastTrials && { ...shown, note };
    }, [pulls, trials]);
    return there.jsonValue();
  };
  await shows(0, job.num_trials);
  await page.click("#memory");
  await page.waitForSelector("#memory[aria-pressed=false]");
  await shows(0, job.num_trials);
  await page.click("#memory");
  await page.click("[data-speed=normal]");
  await page.waitForSelector("[data-speed=normal][aria-pressed=true]");
  await page.click("#fresh");
  await page.waitForFunction(() => document.body.dataset.pulls === "1");
  const before = await shows(4, 0);
  await page.reload();
  await page.waitForSelector("#note:not(:empty)");
  const after = await shows(before.pulls + 1, 0);
  const game = await page.evaluate(() => JSON.parse(localStorage.getItem("slot-machines")));
  await page.screenshot({ path: job.screenshot });
  return { before, after, scores: game.scores };
}

const complaints = [];
const context = await chromium.launchPersistentContext(job.profile, {
  executablePath: job.chromium, headless: true, args: FLAGS, viewport: { width: 1000, height: 900 },
});
try {
  const said = await playTrials(await openPage(context, "/browser_page.html", complaints));
  said.game = await watchGame(await openPage(context, "/index.html?seed=5&speed=fast", complaints));
  process.stdout.write(JSON.stringify({ ...said, complaints }));
} finally {
  await context.close();
}
