// The live page: it reads the run's events and draws them.
const library = new URL("/uplot.js", location.href);
const { default: uPlot } = await import(library.href);

const CURVES = [
  ["loss", "Loss", (r) => r.loss, 2],
  ["invariance", "Invariance", (r) => r.invariance, 3],
  ["tcr", "Total coding rate", (r) => r.tcr, 1],
  ["rank", "Effective rank of z̄", (r) => r.effectiveRank, 1],
  ["probe", "Probe: kNN top-1, %", (r) => 100 * r.top1, 1],
  ["lr", "Learning rate", (r) => r.lr, 4],
  ["rate", "Patches a second", (r) => r.patchesPerSecond, 0],
  [
    "waiting",
    "Waiting for patches, % of the time",
    (r) => 100 * r.waitSeconds / (r.waitSeconds + r.computeSeconds),
    1,
  ],
];
const COLORS = [
  ...["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951"],
  ...["#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0"],
];

const $ = (id) => document.getElementById(id);
const style = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A curve: its points and its plot. */
class Curve {
  constructor([key, title, valueOf, digits]) {
    Object.assign(this, { key, title, valueOf, digits });
    this.data = [[], []];
    this.figure = document.createElement("figure");
    this.figure.id = `curve-${key}`;
    this.caption = document.createElement("figcaption");
    this.caption.textContent = title;
    this.place = document.createElement("div");
    this.place.setAttribute("role", "img");
    this.place.setAttribute("aria-label", `${title}: no value yet`);
    this.figure.append(this.place, this.caption);
    $("curves").append(this.figure);
  }

  add(record) {
    const value = this.valueOf(record);
    if (!Number.isFinite(value)) return;
    // A resumed run may repeat steps.
    const [steps, values] = this.data;
    while (steps.length > 0 && steps.at(-1) >= record.step) {
      steps.pop();
      values.pop();
    }
    steps.push(record.step);
    values.push(value);
    this.stale = true;
  }

  draw() {
    if (!this.stale) return;
    this.stale = false;
    const last = this.data[1].at(-1);
    if (last === undefined) return;
    const text = last.toFixed(this.digits);
    this.caption.innerHTML = "";
    const bold = document.createElement("b");
    bold.textContent = text;
    this.caption.append(`${this.title}: `, bold);
    this.place.setAttribute(
      "aria-label",
      `${this.title}: ${this.data[1].length} values, the last is ${text}`,
    );
    if (this.plot) this.plot.setData(this.data);
    else this.make();
  }

  make() {
    this.plot?.destroy();
    this.plot = undefined;
    if (this.data[0].length === 0) return;
    const axis = {
      stroke: style("--soft"),
      grid: { stroke: style("--line"), width: 1 },
      ticks: { stroke: style("--line"), width: 1 },
    };
    this.plot = new uPlot(
      {
        ...this.size(),
        legend: { show: false },
        cursor: { y: false },
        scales: { x: { time: false } },
        axes: [axis, {
          ...axis,
          size: 60,
          values: (_, ticks) => ticks.map((tick) => +tick.toPrecision(6)),
        }],
        series: [{}, {
          stroke: style("--mark"),
          width: 1.5,
        }],
      },
      this.data,
      this.place,
    );
  }

  /** Removes all values, as before the first. */
  clear() {
    this.data = [[], []];
    this.make();
    this.caption.textContent = this.title;
    this.place.setAttribute("aria-label", this.title);
  }

  size() {
    return { width: Math.max(200, this.figure.clientWidth - 16), height: 160 };
  }
}

const curves = CURVES.map((curve) => new Curve(curve));
const redraw = () => curves.forEach((curve) => curve.make());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", () => {
  for (const curve of curves) curve.plot?.setSize(curve.size());
});

let run = { steps: 0 };
let last;

function showNumbers() {
  if (!last) return;
  const rows = [
    ["Step", `${last.step + 1} of ${run.steps}`],
    ["Epoch", last.epoch + 1],
    ["Computing", `${last.computeSeconds.toFixed(2)} s`],
    ["Waiting for patches", `${last.waitSeconds.toFixed(2)} s`],
    ["Memory", last.memory ? `${(last.memory / 1e9).toFixed(2)} GB` : "–"],
    ["Device", run.device ?? "–"],
  ];
  $("numbers").replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    const cell = document.createElement("td");
    cell.textContent = value;
    row.append(head, cell);
    return row;
  }));
  $("done").max = run.steps || 1;
  $("done").value = last.step + 1;
}

const SVG = "http://www.w3.org/2000/svg";
function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  return element;
}

function drawSpectrum(values) {
  const most = values[0] || 1, wide = 300 / values.length;
  // A log scale of four decades: a collapsed representation shows one bar.
  const height = (value) =>
    Math.max(0, 1 + Math.log10(Math.max(value / most, 1e-9)) / 4) * 160;
  $("spectrum").replaceChildren(...values.map((value, i) =>
    svg("rect", {
      x: i * wide,
      y: 160 - height(value),
      width: wide * 0.8,
      height: height(value),
    })
  ));
  $("spectrum-text").textContent =
    `Singular values of z̄ (log scale, four decades): ${values.length}, ` +
    `from ${most.toFixed(2)} to ${values.at(-1).toExponential(1)}`;
}

let batch, projection;

function drawMap() {
  const { map, labels, classes } = batch;
  const points = projection?.step === batch.step ? projection.points : map;
  const middle = [0, 1].map((k) =>
    points.reduce((sum, p) => sum + p[k], 0) / points.length
  );
  const most = Math.max(
    ...points.map((p) => Math.hypot(p[0] - middle[0], p[1] - middle[1])),
    1e-9,
  );
  const color = (i) => labels ? COLORS[labels[i] % COLORS.length] : COLORS[0];
  $("map").replaceChildren(...points.map((p, i) => {
    const dot = svg("circle", {
      cx: (p[0] - middle[0]) / most,
      cy: (p[1] - middle[1]) / most,
      r: 0.025,
      fill: color(i),
    });
    if (labels) {
      const title = svg("title", {});
      title.textContent = classes[labels[i]];
      dot.append(title);
    }
    return dot;
  }));
  const seen = labels ? [...new Set(labels)].sort((a, b) => a - b) : [];
  const colored = !labels
    ? "without labels"
    : classes.length > COLORS.length
    ? `coloured by class: ${COLORS.length} colours for ${classes.length}`
    : "a colour for each class";
  const how = points === map ? "PCA" : "UMAP";
  $("map-text").textContent =
    `Map of the embeddings z̄ of step ${batch.step + 1} (${how}), ` +
    colored;
  $("legend").replaceChildren(
    ...seen.slice(0, 20).map((label) => {
      const item = document.createElement("li");
      const dot = svg("svg", { viewBox: "0 0 2 2", "aria-hidden": "true" });
      dot.append(
        svg("circle", {
          cx: 1,
          cy: 1,
          r: 1,
          fill: COLORS[label % COLORS.length],
        }),
      );
      item.append(dot, classes[label]);
      return item;
    }),
  );
}

/** Loads UMAP, whose file is a classic script and not a module. */
function loadUmap() {
  return new Promise((resolve, reject) => {
    if (globalThis.UMAP) return resolve();
    const script = document.createElement("script");
    script.src = "/umap.js";
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
}

let umapWanted = false;
$("umap").addEventListener("click", async () => {
  umapWanted = !umapWanted;
  $("umap").setAttribute("aria-pressed", String(umapWanted));
  if (!umapWanted) projection = undefined;
  else await loadUmap();
  if (batch) showBatch();
});

function project() {
  const Maker = globalThis.UMAP.UMAP ?? globalThis.UMAP;
  const neighbors = Math.max(2, Math.min(15, batch.gram.length - 1));
  const points = new Maker({ nNeighbors: neighbors }).fit(batch.gram);
  projection = { step: batch.step, points };
}

function showBatch() {
  drawSpectrum(batch.spectrum);
  if (umapWanted && projection?.step !== batch.step && batch.gram.length > 3) {
    project();
  }
  drawMap();
}

let wanted, loading = false;
async function loadBatch() {
  if (loading || wanted === undefined) return;
  loading = true;
  const step = wanted;
  wanted = undefined;
  try {
    const answer = await fetch("/batch.json");
    batch = await answer.json();
    if (batch.map) showBatch();
    const image = $("patches");
    image.src = `/patches.png?step=${step}`;
    image.hidden = false;
  } finally {
    loading = false;
  }
}

const HANDLERS = {
  start(record) {
    run = record;
    document.title = `${record.title} – EMP-SSL`;
    $("title").textContent = record.title;
    $("about").textContent = `${record.batch}, ${record.device}; ${record.dir}`;
  },
  step(record) {
    last = record;
    for (const curve of curves) if (curve.key !== "probe") curve.add(record);
  },
  probe(record) {
    curves.find((curve) => curve.key === "probe").add(record);
  },
  batch(record) {
    wanted = record.step;
  },
  resize({ step, patchSize }) {
    $("state").textContent =
      `Patches of ${patchSize} × ${patchSize} from step ${step + 1} on`;
  },
  checkpoint(record) {
    $("state").textContent = `Checkpoint after step ${record.step}`;
  },
  stopped(record) {
    $("state").textContent = `Stopped after step ${record.step}`;
    isStopped = true;
  },
};

/** Whether the run has said that it was stopped: its end is then no surprise. */
let isStopped = false;
let pending = false;
function refresh() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    curves.forEach((curve) => curve.draw());
    showNumbers();
    loadBatch();
  });
}

const events = new EventSource("/events");
events.addEventListener("open", () => {
  // The server sends the whole history again, perhaps from another process.
  for (const curve of curves) curve.clear();
  last = batch = projection = undefined;
  $("patches").hidden = true;
  isStopped = false;
  $("state").textContent = "Connected";
});
events.addEventListener(
  "error",
  () => {
    if (isStopped) return;
    $("state").textContent = "The run has ended, or cannot be reached";
  },
);
events.addEventListener("message", ({ data }) => {
  const record = JSON.parse(data);
  HANDLERS[record.type]?.(record);
  refresh();
});
