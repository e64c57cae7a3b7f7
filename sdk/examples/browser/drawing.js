/** How the game looks. Every function draws on a 2D context in units of its own design size; none keeps any state. */

import { NUM_MACHINES, NUM_PULLS } from "./machines.js";

const MACHINES_SIZE = [960, 370];
const CURVE_SIZE = [560, 300];
const LIGHTS = ["#5cbeff", "#34c8b0", "#face54", "#fa8c54", "#de80d6"];
const [INK, SOFT, LINE, CARD, CABINET, TRACK, TRUTH] =
  ["#e8ecf4", "#98a2b6", "#3a4358", "#1b202c", "#252c3b", "#12151d", "#7ee08a"];
const FONT = "system-ui, sans-serif";
const RANDOM_WINS = 0.5;
const BEST_MACHINE_WINS = NUM_MACHINES / (NUM_MACHINES + 1); // mean of the largest of five uniform numbers

/**
 * Draws the machines.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{trial: object, beliefs: object[], showTruth: boolean, hand: number, lit: ?number, result: ?number}} scene
 *   beliefs: one a machine, empty before the first decision; hand: where it points, in machines; lit: the machine
 *   at work; result: what it paid, null while it spins.
 */
export function drawMachines(canvas, scene) {
  const draw = fitted(canvas, MACHINES_SIZE);
  for (let machine = 0; machine < NUM_MACHINES; machine++) {
    draw.save();
    draw.translate(12 + 188 * machine, 34);
    drawCabinet(draw, machine, scene);
    drawPulls(draw, scene.trial.pulls.filter((pulled) => pulled.machine === machine));
    drawBelief(draw, LIGHTS[machine], scene.beliefs[machine], scene.showTruth ? scene.trial.chances[machine] : null);
    draw.restore();
  }
  drawHand(draw, 12 + 188 * scene.hand + 92, 26);
}

function drawCabinet(draw, machine, { lit, result }) {
  const atWork = lit === machine;
  box(draw, 8, 0, 168, 190, 16, CABINET, atWork ? LIGHTS[machine] : LINE, atWork ? 3 : 1.5);
  const glow = draw.createRadialGradient(86, 40, 3, 92, 48, 30);
  glow.addColorStop(0, "#ffffff");
  glow.addColorStop(0.25, LIGHTS[machine]);
  glow.addColorStop(1, CABINET);
  draw.globalAlpha = atWork ? 1 : 0.55;
  disc(draw, 92, 48, 28, glow);
  draw.globalAlpha = 1;
  box(draw, 32, 88, 120, 52, 10, TRACK, LINE, 1.5);
  const shown = !atWork ? "" : result === null ? "· · ·" : result ? "WIN" : "nothing";
  text(draw, shown, 92, 114, result ? 24 : 18, result ? TRUTH : SOFT, "center", 700);
  text(draw, String(machine + 1), 92, 166, 20, atWork ? INK : SOFT, "center", 700);
}

/** A dot for each pull of a machine, filled for a win. */
function drawPulls(draw, pulls) {
  pulls.forEach(({ reward }, index) => {
    const x = 92 + 14 * (index - (pulls.length - 1) / 2);
    disc(draw, x, 206, 5, reward ? TRUTH : CARD, reward ? TRUTH : SOFT);
  });
}

/** The belief as a band of one standard deviation to either side of its mean, and the truth as a wedge below. */
function drawBelief(draw, light, belief, truth) {
  const x = (chance) => 16 + 152 * Math.min(Math.max(chance, 0), 1);
  box(draw, 16, 248, 152, 20, 6, TRACK, LINE, 1);
  text(draw, "0", 16, 236, 11, SOFT, "left");
  text(draw, "100 %", 168, 236, 11, SOFT, "right");
  if (belief) {
    const [low, high] = [x(belief.mean - belief.std), x(belief.mean + belief.std)];
    draw.globalAlpha = 0.45;
    box(draw, low, 250, Math.max(high - low, 2), 16, 4, light);
    draw.globalAlpha = 1;
    box(draw, x(belief.mean) - 2, 246, 4, 24, 2, light);
  }
  const percent = (chance) => `${Math.round(100 * chance)} %`;
  const believed = belief ? `${percent(belief.mean)} ± ${Math.round(100 * belief.std)}` : "–";
  text(draw, "believes", 16, 300, 13, SOFT, "left");
  text(draw, believed, 168, 300, 14, INK, "right", 600);
  if (truth === null) return;
  polygon(draw, [[x(truth), 271], [x(truth) - 6, 281], [x(truth) + 6, 281]], TRUTH);
  text(draw, "truth", 16, 320, 13, SOFT, "left");
  text(draw, percent(truth), 168, 320, 14, TRUTH, "right", 600);
}

function drawHand(draw, x, y) {
  polygon(draw, [[x, y], [x - 11, y - 16], [x + 11, y - 16]], INK);
}

/**
 * Draws the share of wins at each pull.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{withMemory: object, withoutMemory: object}} scores
 */
export function drawCurve(canvas, { withMemory, withoutMemory }) {
  const draw = fitted(canvas, CURVE_SIZE);
  const x = (index) => 44 + (380 / (NUM_PULLS - 1)) * index;
  const y = (share) => 262 - 246 * Math.min(Math.max((share - 0.3) / 0.6, 0), 1);
  for (const share of [0.3, 0.5, 0.7, 0.9]) {
    line(draw, [[x(0), y(share)], [x(NUM_PULLS - 1), y(share)]], LINE, 1);
    text(draw, `${100 * share} %`, 36, y(share), 11, SOFT, "right");
  }
  for (let index = 0; index < NUM_PULLS; index++) text(draw, String(index + 1), x(index), 280, 11, SOFT, "center");
  reference(draw, x, y(BEST_MACHINE_WINS), "always the best");
  reference(draw, x, y(RANDOM_WINS), "at random");
  const label = (score) => (score.numTrials === 1 ? "1 trial" : `${score.numTrials} trials`);
  for (const [score, light, name] of [[withoutMemory, LIGHTS[3], "no memory"], [withMemory, LIGHTS[0], "memory"]]) {
    const points = score.wins.map((wins, index) => [x(index), y(wins / score.numTrials)]);
    if (score.numTrials) line(draw, points, light, 3);
    const row = y(name === "memory" ? 0.7 : 0.42);
    text(draw, `● ${name}`, 436, row, 13, score.numTrials ? light : SOFT, "left", 600);
    text(draw, label(score), 436, row + 18, 12, SOFT, "left");
  }
}

function reference(draw, x, height, name) {
  draw.setLineDash([4, 5]);
  line(draw, [[x(0), height], [x(NUM_PULLS - 1), height]], SOFT, 1);
  draw.setLineDash([]);
  text(draw, name, 436, height, 12, SOFT, "left");
}

/** A cleared context, scaled so that a design size fills the canvas at the screen's own resolution. */
function fitted(canvas, [width, height]) {
  const pixels = Math.round(canvas.clientWidth * devicePixelRatio);
  if (canvas.width !== pixels) [canvas.width, canvas.height] = [pixels, Math.round((pixels * height) / width)];
  const draw = canvas.getContext("2d");
  draw.setTransform(pixels / width, 0, 0, pixels / width, 0, 0);
  draw.clearRect(0, 0, width, height);
  return draw;
}

function box(draw, x, y, width, height, radius, fill, stroke, thickness) {
  draw.beginPath();
  draw.roundRect(x, y, width, height, radius);
  paint(draw, fill, stroke, thickness);
}

function disc(draw, x, y, radius, fill, stroke) {
  draw.beginPath();
  draw.arc(x, y, radius, 0, 2 * Math.PI);
  paint(draw, fill, stroke, 1.5);
}

function paint(draw, fill, stroke, thickness) {
  draw.fillStyle = fill;
  draw.fill();
  if (stroke === undefined) return;
  [draw.strokeStyle, draw.lineWidth] = [stroke, thickness];
  draw.stroke();
}

function polygon(draw, points, fill) {
  draw.beginPath();
  points.forEach(([x, y]) => draw.lineTo(x, y));
  paint(draw, fill);
}

function line(draw, points, stroke, thickness) {
  [draw.strokeStyle, draw.lineWidth, draw.lineJoin] = [stroke, thickness, "round"];
  draw.beginPath();
  points.forEach(([x, y]) => draw.lineTo(x, y));
  draw.stroke();
}

function text(draw, words, x, y, size, fill, align, weight = 400) {
  draw.font = `${weight} ${size}px ${FONT}`;
  [draw.fillStyle, draw.textAlign, draw.textBaseline] = [fill, align, "middle"];
  draw.fillText(words, x, y);
}
