/*
 * The page of an analysis: a timeline to move about in, and what was found.
 *
 * All texts come from guests and hosts: they are set as text, never as markup.
 * Times are nanoseconds, or ticks where no scale is known; on the timeline,
 * from the recording's start.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
"use strict";

(() => {
const byId = (id) => document.getElementById(id);
const analysis = JSON.parse(byId("analysis").textContent);
const data = JSON.parse(byId("recording").textContent);
const inNs = analysis.unit === "ns";
const total = Math.max(1, analysis.length);
const startTime = BigInt(data.start);

/* The colours of what a vCPU or a CPU does. */
const COLOURS = {
  "none": "", "unknown": "#8e979f", "other": "#a3a9ae",
  "guest-task": "#2f9e5d", "guest-idle": "#a8d8ba", "guest-irq": "#15828c",
  "guest-softirq": "#4fb3b7", "guest-irqs-off": "#7c8c1a",
  "guest-entry": "#c59a1b", "guest-wakeup": "#d9bd55", "injection": "#e6a800",
  "exit": "#3b78c4", "exit-wait": "#86afe0",
  "qemu": "#7c4fc4", "qemu-wait": "#af93e2", "qemu-paused": "#5b2a94",
  "stopped": "#3a3f45", "host-preemption": "#d63a3a", "host-irq": "#e8772e",
  "host-softirq": "#b85c1e", "host-wakeup": "#f2a873",
  "halt-poll": "#b9c5d1", "halted": "#d3dbe2",
  "clock-step": "#ff4fa3", "idle": "#dfe4e9",
};
const DARK = {
  "guest-idle": "#2f5a41", "halted": "#333c45", "idle": "#272e35",
  "halt-poll": "#4a5763", "stopped": "#c3c9cf",
};
const KIND_TEXT = {
  "guest-task": "guest task", "guest-idle": "guest idle",
  "guest-irq": "guest interrupt", "guest-softirq": "guest softirq",
  "guest-irqs-off": "guest, interrupts off",
  "guest-entry": "injected, not handled yet",
  "guest-wakeup": "guest switches to the task",
  "injection": "not injected yet", "exit": "exit handling",
  "exit-wait": "exit handling, asleep", "qemu": "QEMU",
  "qemu-wait": "QEMU, asleep", "qemu-paused": "paused by QEMU",
  "stopped": "stopped by a signal", "host-preemption": "host runs another task",
  "host-irq": "host interrupt", "host-softirq": "host softirq",
  "host-wakeup": "host wakes the vCPU",
  "halt-poll": "halt polling", "halted": "halted",
  "clock-step": "guest's clock stepped", "unknown": "not known",
  "other": "other",
};

/* ---- words ---- */

function durationText(ns) {
  if (!inNs) {
    return ns.toLocaleString("en") + " ticks";
  }
  const units = [[1e9, "s"], [1e6, "ms"], [1e3, "\u00b5s"]];
  for (const [size, unit] of units) {
    if (Math.abs(ns) >= size) {
      return (ns / size).toPrecision(3).replace(/e\+?\d+$/, "") + " " + unit;
    }
  }
  return Math.round(ns) + " ns";
}

/* As the text report prints it. */
function timeText(offset, digits) {
  const time = startTime + BigInt(Math.round(offset));
  if (!inNs) {
    return time.toString();
  }
  const seconds = time / 1000000000n;
  const rest = (time % 1000000000n).toString().padStart(9, "0");
  return digits === 0 ? String(seconds)
                      : seconds + "." + rest.slice(0, digits ?? 9);
}

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) {
    node.className = className;
  }
  if (text !== undefined) {
    node.textContent = text;
  }
  return node;
}

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

function hashOf(text) {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  }
  return hash >>> 0;
}

function colourOf(kind, text) {
  if (kind === "task" || kind === "vcpu") {
    const hue = hashOf(text) % 360;
    return kind === "vcpu" ? `hsl(${hue} 60% ${isDark() ? 48 : 45}%)`
                           : `hsl(${hue} 32% ${isDark() ? 52 : 66}%)`;
  }
  return (isDark() && DARK[kind]) || COLOURS[kind] || "";
}

/* Remembers of which kind it is, for another theme. */
function paint(node, kind) {
  node.dataset.kind = kind;
  node.style.background = colourOf(kind, "") || "#999";
}

/* ---- lanes ---- */

/* run-list.h has the format. */
function decodeRuns(list) {
  const bytes = Uint8Array.from(atob(list.runs), (c) => c.charCodeAt(0));
  const ends = [], items = [];
  let position = 0, at = list.from;
  const number = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = bytes[position++];
      value += (byte & 127) * factor;
      factor *= 128;
    } while (byte & 128);
    return value;
  };
  while (position < bytes.length) {
    at += number() * list.column;
    items.push(number());
    ends.push(Math.min(at, list.to));
  }
  return {from: list.from, to: list.to, column: list.column,
          ends: Float64Array.from(ends), items: Uint32Array.from(items)};
}

const lanes = data.lanes.map((lane) => ({
  ...lane,
  overview: decodeRuns(lane.overview),
  windows: lane.windows.map(decodeRuns),
  label: lane.type === "vcpu" ? `${lane.machine} vCPU ${lane.cpu}`
       : lane.type === "host-cpu" ? `${lane.machine} CPU ${lane.cpu}`
                                  : `tasks of CPU ${lane.cpu}`,
}));

/* The index of the run that holds a time. */
function runAt(runs, time) {
  let low = 0, high = runs.ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs.ends[middle] > time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/* The runs to draw a span with: exact ones where they cover it. */
function runsFor(lane, from, to) {
  return lane.windows.find((w) => w.from <= from && to <= w.to) ||
         lane.overview;
}

function itemAt(lane, time) {
  const exact = lane.windows.find((w) => w.from <= time && time < w.to);
  const runs = exact || lane.overview;
  const i = runAt(runs, time);
  if (i >= runs.ends.length) {
    return null;
  }
  return {item: lane.items[runs.items[i]], from: i ? runs.ends[i - 1] : runs.from,
          to: runs.ends[i], exact: Boolean(exact), column: runs.column};
}

/* ---- findings: spikes, each told by its largest ---- */

const heads = analysis.findings.map((finding, index) => ({finding, index}))
  .filter(({finding}) => finding["speaks-for-spike"])
  .sort((a, b) => a.finding.spike - b.finding.spike);

heads.forEach((head, rank) => {
  head.from = Number(BigInt(head.finding.start) - startTime);
  head.to = head.from + head.finding.length;
  head.proof = data.proofs[rank] || [];
});

/* ---- the timeline ---- */

const canvas = byId("timeline");
const context = canvas.getContext("2d");
const LABEL_WIDTH = 118, AXIS_HEIGHT = 24, LANE_HEIGHT = 20, GAP = 5;
let view = {from: 0, to: total};
let selected = -1;
let marking = null;

function layout() {
  let y = AXIS_HEIGHT, before = null;
  for (const lane of lanes) {
    const group = lane.type === "host-cpu" ? "host" : lane.machine + lane.cpu;
    if (before !== null && before !== group) {
      y += GAP;
    }
    before = group;
    lane.y = y;
    y += LANE_HEIGHT + 1;
  }
  return y + 3;
}

const height = layout();

function xOf(time) {
  return LABEL_WIDTH + (time - view.from) / (view.to - view.from) *
         (canvas.clientWidth - LABEL_WIDTH);
}

function timeOf(x) {
  return view.from + (x - LABEL_WIDTH) / (canvas.clientWidth - LABEL_WIDTH) *
         (view.to - view.from);
}

function drawAxis(width, style) {
  const span = view.to - view.from;
  const rough = span / Math.max(2, (width - LABEL_WIDTH) / 130);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power)
                              .find((n) => n >= rough));
  const digits = inNs ? Math.max(0, 9 - Math.floor(Math.log10(step) + 1e-9)) : 0;
  const remainder = Number(startTime % BigInt(Math.round(step)));
  let tick = Math.ceil((view.from + remainder) / step) * step - remainder;

  context.fillStyle = style.getPropertyValue("--faint");
  context.strokeStyle = style.getPropertyValue("--line");
  context.textAlign = "center";
  for (; tick <= view.to; tick += step) {
    const x = Math.round(xOf(tick)) + .5;
    context.beginPath();
    context.moveTo(x, AXIS_HEIGHT - 5);
    context.lineTo(x, height);
    context.stroke();
    if (x > LABEL_WIDTH + 30 && x < width - 30) {
      context.fillText(timeText(tick, Math.min(9, digits)), x, 12);
    }
  }
  context.textAlign = "left";
  context.fillText(inNs ? "seconds" : "ticks", 8, 12);
}

/* What took most of each pixel, so that nothing is drawn twice. */
function drawLane(lane, width) {
  const runs = runsFor(lane, view.from, view.to);
  const scale = (width - LABEL_WIDTH) / (view.to - view.from);
  let pixel = -1, shares = new Map();
  const fill = (from, to, item) => {
    const [kind, text] = lane.items[item];
    const colour = colourOf(kind, text);
    if (colour) {
      context.fillStyle = colour;
      context.fillRect(LABEL_WIDTH + from, lane.y, to - from, LANE_HEIGHT);
    }
  };
  const flush = () => {
    let best = 0, most = -1;
    for (const [item, length] of shares) {
      if (length > most) {
        most = length;
        best = item;
      }
    }
    if (most > 0) {
      fill(pixel, pixel + 1, best);
    }
    shares.clear();
  };

  for (let i = runAt(runs, view.from); i < runs.ends.length; i++) {
    const from = Math.max(i ? runs.ends[i - 1] : runs.from, view.from);
    const to = Math.min(runs.ends[i], view.to);
    const left = (from - view.from) * scale, right = (to - view.from) * scale;
    if (from >= view.to) {
      break;
    }
    const first = Math.floor(left), last = Math.floor(right);
    const share = (at, length) => {
      if (at !== pixel) {
        flush();
        pixel = at;
      }
      shares.set(runs.items[i], (shares.get(runs.items[i]) || 0) + length);
    };
    if (first === last) {
      share(first, right - left);
      continue;
    }
    share(first, first + 1 - left);
    flush();
    if (last > first + 1) {
      fill(first + 1, last, runs.items[i]);
      drawName(lane, runs.items[i], first + 1, last);
    }
    pixel = last;
    if (right > last) {
      share(last, right - last);
    }
  }
  flush();
}

/* The name, where there is room for it. */
function drawName(lane, item, from, to) {
  const [kind, text] = lane.items[item];
  if (to - from < 46 || kind === "idle" || kind === "none" || !text) {
    return;
  }
  context.save();
  context.beginPath();
  context.rect(LABEL_WIDTH + from + 3, lane.y, to - from - 6, LANE_HEIGHT);
  context.clip();
  context.fillStyle = ["halted", "guest-idle", "halt-poll", "idle"]
    .includes(kind) && !isDark() ? "#33404b" : "#ffffff";
  context.fillText(text, LABEL_WIDTH + from + 4, lane.y + 14);
  context.restore();
}

function drawSelection(style) {
  const spans = heads[selected] ? [heads[selected]] : [];
  if (marking) {
    spans.push({from: Math.min(marking.from, marking.to),
                to: Math.max(marking.from, marking.to)});
  }
  for (const span of spans) {
    const left = Math.max(LABEL_WIDTH, xOf(span.from));
    const right = Math.max(left + 1, xOf(span.to));
    context.fillStyle = style.getPropertyValue("--select");
    context.fillRect(left, AXIS_HEIGHT - 6, right - left, height);
    context.strokeStyle = style.getPropertyValue("--select-edge");
    context.strokeRect(left + .5, AXIS_HEIGHT - 5.5, right - left, height);
  }
}

function drawMarks(style) {
  context.fillStyle = style.getPropertyValue("--select-edge");
  heads.forEach((head) => {
    const x = xOf((head.from + head.to) / 2);
    if (x >= LABEL_WIDTH) {
      context.beginPath();
      context.moveTo(x - 4, AXIS_HEIGHT - 9);
      context.lineTo(x + 4, AXIS_HEIGHT - 9);
      context.lineTo(x, AXIS_HEIGHT - 2);
      context.fill();
    }
  });
}

function draw() {
  const width = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
  const style = getComputedStyle(document.documentElement);

  canvas.style.height = height + "px";
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = "11px system-ui, sans-serif";
  context.clearRect(0, 0, width, height);
  drawAxis(width, style);
  for (const lane of lanes) {
    drawLane(lane, width);
  }
  drawSelection(style);
  drawMarks(style);
  context.fillStyle = style.getPropertyValue("--ground");
  context.fillRect(0, AXIS_HEIGHT, LABEL_WIDTH, height);
  context.fillStyle = style.getPropertyValue("--text");
  for (const lane of lanes) {
    context.fillText(lane.label, 8, lane.y + 14, LABEL_WIDTH - 12);
  }
  byId("range").textContent =
    `${timeText(view.from)} to ${timeText(view.to)}: ` +
    durationText(view.to - view.from) + resolutionText();
  canvas.dataset.from = view.from;
  canvas.dataset.to = view.to;
}

function resolutionText() {
  const lane = lanes[0];
  if (!lane) {
    return "";
  }
  const runs = runsFor(lane, view.from, view.to);
  return runs.column === 1
    ? ", exact"
    : `; each ${durationText(runs.column)} shows what took most of it, ` +
      "the spans around the latencies are exact";
}

let drawing = 0;
function redraw() {
  if (!drawing) {
    drawing = requestAnimationFrame(() => {
      drawing = 0;
      draw();
    });
  }
}

function show(from, to) {
  const length = Math.min(total, Math.max(to - from, inNs ? 200 : 1000));
  from = Math.min(Math.max(0, from), total - length);
  view = {from, to: from + length};
  redraw();
}

function zoom(factor, around) {
  show(around - (around - view.from) * factor,
       around + (view.to - around) * factor);
}

function pan(share) {
  const by = (view.to - view.from) * share;
  show(view.from + by, view.to + by);
}

/* ---- one latency ---- */

function bar(parts, className) {
  const node = element("div", className);
  for (const part of parts) {
    const piece = element("i");
    paint(piece, part.kind);
    piece.style.flexGrow = part.permille || part.share || 0;
    piece.title = part.text;
    node.append(piece);
  }
  return node;
}

function partRow(part) {
  const row = element("tr"), name = element("td"), swatch =
    element("span", "swatch");
  paint(swatch, part.kind);
  name.append(swatch, part.text);
  row.append(element("td", "", (part.permille / 10).toFixed(1) + " %"),
             element("td", "", durationText(part.time)), name);
  return row;
}

/* One row for all of them, until it is pressed. */
function smallParts(parts) {
  const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
  const row = element("tr"), name = element("td");
  const button = element("button", "", `${parts.length} smaller parts`);
  button.addEventListener("click",
                          () => row.replaceWith(...parts.map(partRow)));
  name.append(button);
  row.append(element("td", "", (sum("permille") / 10).toFixed(1) + " %"),
             element("td", "", durationText(sum("time"))), name);
  return row;
}

/* The largest first; as many as the text shows. */
function partRows(parts) {
  let shown = parts.findIndex((part, i) => i >= 3 && part.permille < 5);
  if (shown < 0 || shown + 1 === parts.length) {
    shown = parts.length;
  }
  const rows = parts.slice(0, shown).map(partRow);
  return shown < parts.length ? [...rows, smallParts(parts.slice(shown))]
                              : rows;
}

function showDetails(head) {
  const node = byId("details");
  const finding = head.finding;
  const table = element("table");

  node.replaceChildren(element("h3", "", finding.sentence),
                       element("p", "what",
                               `${timeText(head.from)} to ` +
                               `${timeText(head.to)}`),
                       bar(finding.parts, "bar tall"), table);
  table.append(...partRows(finding.parts));
  if (head.proof.length) {
    const lines = element("pre", "", head.proof.join("\n"));
    lines.id = "proof";
    node.append(lines);
  }
}

function focusOn(head) {
  const margin = (head.to - head.from) * .4;
  show(head.from - margin, head.to + margin);
}

function select(index) {
  if (index < 0 || index >= heads.length) {
    return;
  }
  selected = index;
  byId("findings").querySelectorAll("button").forEach((button, i) => {
    button.setAttribute("aria-current", i === index);
    if (i === index) {
      button.scrollIntoView({block: "nearest"});
    }
  });
  showDetails(heads[index]);
  focusOn(heads[index]);
  history.replaceState(null, "", "#" + (index + 1));
}

function listFindings() {
  heads.forEach((head, index) => {
    const button = element("button"), finding = head.finding;
    const item = element("li");
    button.type = "button";
    button.append(element("span", "length", durationText(finding.length)),
                  bar(finding.parts, "bar"),
                  element("div", "what", finding.sentence));
    button.addEventListener("click", () => select(index));
    item.append(button);
    byId("findings").append(item);
  });
  if (!heads.length) {
    byId("findings").append(element("li", "what",
      "No latency was found: no guest timer, wake-up or interrupt can be " +
      "followed."));
  }
}

/* ---- sums ---- */

function listStates() {
  const used = new Set();
  for (const vcpu of analysis.vcpus) {
    const parts = Object.entries(vcpu.states)
      .filter(([, length]) => length > 0).sort((a, b) => b[1] - a[1]);
    const sum = parts.reduce((a, [, length]) => a + length, 0) || 1;
    const row = element("div", "row");
    parts.forEach(([kind]) => used.add(kind));
    row.append(element("span", "", `${vcpu.guest} vCPU ${vcpu.vcpu}`),
               bar(parts.map(([kind, length]) => ({
                 kind, share: length / sum,
                 text: `${KIND_TEXT[kind] || kind}: ` +
                       `${(100 * length / sum).toFixed(1)} %, ` +
                       durationText(length),
               })), "bar tall"));
    byId("states").append(row);
  }
  for (const kind of Object.keys(KIND_TEXT).filter((k) => used.has(k))) {
    const entry = element("span"), swatch = element("span", "swatch");
    paint(swatch, kind);
    entry.append(swatch, KIND_TEXT[kind]);
    byId("legend").append(entry);
  }
}

const SVG = "http://www.w3.org/2000/svg";

function svgElement(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  node.textContent = text || "";
  return node;
}

function timesText(times) {
  /* A percentile that too few values tell is left out. */
  const shares = ["p50", "p99", "p99.9", "max"].filter((key) => key in times);
  return `${times.count.toLocaleString("en")} ` +
    (times.count === 1 ? "time; " : "times; ") +
    shares.map((key) => `${key} ${durationText(times[key])}`).join(", ");
}

/* Both axes logarithmic: a single outlier must be seen. */
function histogram(title, times) {
  const figure = element("figure");
  const svg = svgElement("svg", {viewBox: "0 0 320 84",
                                 preserveAspectRatio: "none"});
  const low = Math.log10(Math.max(1, times.min));
  const high = Math.max(low + .3, Math.log10(Math.max(1, times.max)) + .02);
  const columns = new Array(64).fill(0);
  for (const [upTo, count] of times.buckets) {
    const at = (Math.log10(Math.max(1, upTo)) - low) / (high - low);
    columns[Math.min(63, Math.max(0, Math.floor(at * 64)))] += count;
  }
  const most = Math.log10(Math.max(...columns, 1) + 1);
  columns.forEach((count, i) => {
    if (count) {
      const size = Math.max(2, 66 * Math.log10(count + 1) / most);
      svg.append(svgElement("rect", {x: i * 5, y: 70 - size, width: 4.4,
                                     height: size}));
    }
  });
  svg.append(svgElement("text", {x: 0, y: 82}, durationText(times.min)),
             svgElement("text", {x: 318, y: 82, "text-anchor": "end"},
                        durationText(times.max)));
  figure.append(element("figcaption", "", title), svg,
                element("p", "what", timesText(times)));
  return figure;
}

function listHistograms() {
  for (const vcpu of analysis.vcpus) {
    const name = `${vcpu.guest} vCPU ${vcpu.vcpu}`;
    const all = [
      ["timer lateness", vcpu.timer], ["wake-up latency", vcpu.wakeup],
      ["halt wake-up", vcpu["halt-wakeup"]],
      ["runnable without a CPU", vcpu.steal],
      ...(vcpu.injection || []).map((times) =>
        [`interrupt delivery, vector ${times.vector} (${times.name})`, times]),
      ...(vcpu.exits || []).map((times) => [`exit ${times.reason}`, times]),
    ];
    for (const [title, times] of all) {
      if (times && times.count) {
        byId("histograms").append(histogram(`${name}: ${title}`, times));
      }
    }
  }
}

function fillTexts() {
  const certificate = analysis.certificate, badge = byId("certificate-badge");
  const words = {proved: "clocks proved", broken: "clocks wrong",
                 unproved: "clocks not proved"};
  document.title = `${data.title}: qemu-trace-merge`;
  byId("title").textContent = data.title;
  byId("summary").textContent =
    `${analysis.events.toLocaleString("en")} events, ` +
    `${durationText(total)}, ${analysis.vcpus.length} vCPUs; ` +
    (analysis["has-lost"]
      ? `at least ${analysis.lost.toLocaleString("en")} events lost`
      : "no event lost") +
    (analysis.unplaced
      ? `; ${analysis.unplaced.toLocaleString("en")} of unknown time left out`
      : "");
  badge.textContent = words[certificate.state] || certificate.state;
  badge.className = certificate.state;
  byId("certificate").textContent = certificate.sentence;
  byId("certificate").className = certificate.state;
  byId("recorder").textContent = analysis.recorder.sentence;
  byId("footer").textContent = `qemu-trace-merge ${data.version}. ` +
    "Times are those of the text report.";
}

/* ---- theme, mouse, keys ---- */

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.querySelectorAll("[data-kind]").forEach((node) => {
    paint(node, node.dataset.kind);
  });
  redraw();
}

function switchTheme() {
  setTheme(isDark() ? "light" : "dark");
}

function tip(event) {
  const node = byId("tip"), box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  const lane = lanes.find((l) => y >= l.y && y <= l.y + LANE_HEIGHT);
  const time = timeOf(x);
  const found = lane && x > LABEL_WIDTH ? itemAt(lane, time) : null;

  node.hidden = !found;
  if (found) {
    const length = found.to - found.from;
    node.replaceChildren(
      element("strong", "", lane.label), element("div", "", found.item[1]),
      element("div", "what", found.exact || length > found.column
        ? `${durationText(length)} from ${timeText(found.from)}`
        : `most of the ${durationText(found.column)} from ` +
          timeText(found.from)));
    node.style.left = Math.min(x + 14, box.width - 260) + "px";
    node.style.top = y + 16 + "px";
  }
}

function listenToMouse() {
  let grabbed = null;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const x = event.clientX - canvas.getBoundingClientRect().left;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      pan(event.deltaX / 800);
    } else {
      zoom(Math.exp(event.deltaY / 400),
           timeOf(Math.max(LABEL_WIDTH, x)));
    }
  }, {passive: false});
  canvas.addEventListener("pointerdown", (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({preventScroll: true});
    if (event.shiftKey) {
      marking = {from: timeOf(x), to: timeOf(x)};
    } else {
      grabbed = {x, view: {...view}};
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    if (marking) {
      marking.to = timeOf(x);
      redraw();
    } else if (grabbed) {
      const by = (grabbed.x - x) / (canvas.clientWidth - LABEL_WIDTH) *
                 (grabbed.view.to - grabbed.view.from);
      show(grabbed.view.from + by, grabbed.view.to + by);
    }
    tip(event);
  });
  canvas.addEventListener("pointerup", () => {
    const marked = marking;
    grabbed = null;
    marking = null;
    if (marked && marked.from !== marked.to) {
      show(Math.min(marked.from, marked.to), Math.max(marked.from, marked.to));
    }
  });
  canvas.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
  canvas.addEventListener("dblclick", () => show(0, total));
}

function toggleHelp() {
  byId("help").hidden = !byId("help").hidden;
}

function listenToKeys() {
  const middle = () => (view.from + view.to) / 2;
  const keys = {
    "n": () => select(selected + 1), "p": () => select(selected - 1),
    "+": () => zoom(.5, middle()), "=": () => zoom(.5, middle()),
    "-": () => zoom(2, middle()), "ArrowLeft": () => pan(-.2),
    "ArrowRight": () => pan(.2), "0": () => show(0, total),
    "f": () => heads[selected] && focusOn(heads[selected]),
    "t": switchTheme, "?": toggleHelp,
  };
  document.addEventListener("keydown", (event) => {
    const action = !event.ctrlKey && !event.altKey && !event.metaKey &&
                   keys[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });
  byId("theme").addEventListener("click", switchTheme);
  byId("help-button").addEventListener("click", toggleHelp);
}

fillTexts();
listFindings();
listStates();
listHistograms();
listenToMouse();
listenToKeys();
setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
window.addEventListener("resize", redraw);
select(Math.max(0, (parseInt(location.hash.slice(1), 10) || 1) - 1));
draw();
document.documentElement.dataset.ready = "true";
})();
