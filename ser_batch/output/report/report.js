"use strict";
// No library, no network. Data goes into the page as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const { labels, totals, run } = data;
const kinds = [...data.kinds, "failed"];
const FAILED = kinds.length - 1;

// The palette of Okabe and Ito, distinct for every colour vision. From the ninth label on, colours repeat, with dashes.
const PALETTE = ["#d55e00", "#009e73", "#cc79a7", "#e69f00", "#999999", "#0072b2", "#56b4e9", "#f0e442"];

// Stretches of speech: a line below the segments.
const SPEECH_ROOM = 5, SPEECH_COLOUR = "#7a838c"; // pixels

const byId = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(share * 100)}\u00a0%`;
const count = (n, thing) => `${n.toLocaleString("en")} ${thing}${n === 1 ? "" : "s"}`;

/** An element with attributes and children; strings become text. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A position in a recording: 1:02:03.4. */
function clock(ms) {
  const tenths = Math.round(ms / 100), minutes = Math.floor(tenths / 600), hours = Math.floor(minutes / 60);
  const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/** A length of time: 42 s, 3 min 20 s, 5 h 12 min. */
function duration(seconds) {
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  if (!minutes) return `${whole}\u00a0s`;
  return hours ? `${hours.toLocaleString("en")}\u00a0h ${minutes % 60}\u00a0min` : `${minutes}\u00a0min ${whole % 60}\u00a0s`;
}

/** A path; in a narrow place, the folder is shortened before the file name. */
function path(name) {
  const at = name.lastIndexOf("/") + 1;
  return element("span", { class: "path", title: name },
    element("span", { class: "folder" }, ...shown(name.slice(0, at))), element("span", { class: "base" }, ...shown(name.slice(at))));
}

/** A name as text nodes; invisible characters and changes of text direction are shown as U+XXXX. */
function shown(name) {
  const hidden = /([\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff])/;
  const code = (letter) => `U+${letter.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}`;
  return name.split(hidden).map((piece, i) => i % 2 ? element("span", { class: "odd" }, code(piece)) : piece);
}

/** The URL of a recording, or null if the browser cannot reach it. In names, `\udcXX` is a byte that is not UTF-8. */
function address(name) {
  if (/^https?:/.test(name)) return name;
  if (/^https?:/.test(data.root) && !data.moved) return `${data.root}/${name}`;
  if (data.moved && name.startsWith(`${run.root}/`)) name = name.slice(run.root.length + 1); // of annotate --absolute
  if (/^\w+:\/\//.test(name) || (data.root === null && !name.startsWith("/"))) return null;
  const pieces = name.split(/\\udc(5c|[89a-f][0-9a-f])/);
  const encoded = pieces.map((piece, i) => i % 2 ? `%${piece}` : encodeURIComponent(piece).replaceAll("%2F", "/")).join("");
  return name.startsWith("/") ? encoded.replace(/^\/+/, "/") : `${data.root}/${encoded}`;
}

/** Badge texts: the shortest distinct prefixes of the labels, or numbers. */
const letters = kinds.map((kind, k) => {
  if (k === FAILED) return "!";
  if (k >= labels.length) return { silent: "–", "no-speech": "~" }[kind] ?? "?";
  for (let n = 1; n <= 3; n++) {
    const start = kind.slice(0, n).toLowerCase();
    if (labels.every((other, j) => j === k || !other.toLowerCase().startsWith(start))) return start[0].toUpperCase() + start.slice(1);
  }
  return String(k + 1);
});
const UNLABELLED = { "no-speech": "#c3a678", failed: "#ffffff" };
const colours = kinds.map((kind, k) => k < labels.length ? PALETTE[k % PALETTE.length] : UNLABELLED[kind] ?? "#c9ced3");
const inks = colours.map((colour) => colour === "#0072b2" ? "#ffffff" : colour === "#ffffff" ? "#b3261e" : "#000000");

function badge(kind) {
  const node = element("span", { class: "badge", "aria-hidden": "true" }, letters[kind]);
  node.style.background = colours[kind];
  node.style.color = inks[kind];
  if (kind >= PALETTE.length && kind < labels.length) node.style.boxShadow = `inset 0 0 0 2px ${inks[kind]}`;
  return node;
}

function bar(share, kind) {
  const line = element("i");
  line.style.width = `${share * 100}%`;
  line.hidden = !share;
  line.style.background = colours[kind];
  return element("td", { class: "bar" }, line);
}

/** A whole file as one segment: start, end, kind, a share in hundredths for each label. */
const whole = (ms, kind, shares) => [0, ms, kind, ...shares.map((share) => Math.round(share / 100))];

/** The segments in a flat list of numbers; the whole file where the page has none. */
function splitSegments(numbers, wholeFile) {
  const segments = [];
  for (let i = 0; i < numbers.length; i += wholeFile.length) segments.push(numbers.slice(i, i + wholeFile.length));
  return segments.length ? segments : [wholeFile];
}

const files = data.files.map(([name, ms, kind, speech, ...shares], i) => ({
  i, name, ms, kind, speech, shares, lower: name.toLowerCase(),
  confidence: Math.max(...shares) / 10000 || null, // null for files without speech: they have no shares
  speechTimes: data.speech[i],
  segments: splitSegments(data.segments[i], whole(ms, kind, shares)),
}));
for (const [name, stage, error, message] of data.failures)
  files.push({ i: files.length, name, kind: FAILED, ms: null, confidence: null, lower: name.toLowerCase(),
    message: `${stage}: ${message || error}` });

/** The time in ms at which the picture of segment k begins: the middle of the time that it shares with the one before. */
function edge(segments, k) {
  if (k <= 0) return segments[0][0];
  return k >= segments.length ? segments.at(-1)[1] : (segments[k - 1][1] + segments[k][0]) / 2;
}

/** The index of the segment at a time. */
function segmentAt(segments, ms) {
  let low = 0, high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (edge(segments, middle) <= ms) low = middle; else high = middle - 1;
  }
  return low;
}

/** The figures of a segment as a sentence. */
function words([start, end, kind, ...shares]) {
  const time = `${clock(start)} to ${clock(end)}`;
  if (!Math.max(...shares)) return `${time}: ${kinds[kind]}`;
  const order = labels.map((_, i) => i).sort((a, b) => (b === kind) - (a === kind) || shares[b] - shares[a]);
  const figures = order.map((i) => `${labels[i]} ${percent(shares[i] / 100)}`).join(", ");
  return kind < labels.length ? `${time}: ${figures}` : `${time}: ${kinds[kind]}: ${figures}`;
}

function showOverview() {
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0), share = (part, all) => part / (all || 1);
  const nFiles = sum(totals.files), seconds = sum(totals.seconds);
  document.querySelector("h1").append(...shown(data.folder));
  byId("totals").textContent = [count(nFiles, "file"), count(totals.segments, "segment"), `${duration(seconds)} of audio`,
    ...(totals.failed ? [`${totals.failed.toLocaleString("en")} failed`] : [])].join(" · ");

  const number = (text) => element("td", { class: "number" }, text);
  const most = Math.max(...totals.files), longest = Math.max(...totals.seconds);
  for (const [k, n] of totals.files.entries()) {
    const time = totals.seconds[k];
    byId("shares").tBodies[0].append(element("tr", {}, element("th", { scope: "row" }, badge(k), ...shown(kinds[k])),
      number(n.toLocaleString("en")), number(percent(share(n, nFiles))), bar(share(n, most), k),
      number(duration(time)), number(percent(share(time, seconds))), bar(share(time, longest), k)));
  }
  if (run.calibration) showEstimates(run.calibration);

  const labelled = files.filter((file) => file.confidence !== null).sort((a, b) => a.confidence - b.confidence);
  for (const file of labelled.slice(0, 8)) {
    const button = element("button", { type: "button" }, badge(file.kind), path(file.name), percent(file.confidence));
    button.onclick = () => { showAll(); focusRow(list.indexOf(file)); };
    byId("uncertain").append(element("li", {}, button));
  }

  const { model, options } = run;
  const facts = [
    ["Model", model && `${model.name} (${model.sha256.slice(0, 12)}…)`],
    ["Labels", changed(run)],
    ["Segments", options && `${options.window} s, every ${options.hop} s`],
    ["Noise reduction", options?.denoise],
    ["Begun", run.started?.replace("T", " ").replace("Z", " UTC")],
    ["Speed", run.new_audio_seconds && `${run.times_real_time.toLocaleString("en")}× real time: `
      + `${duration(run.new_audio_seconds)} of audio in ${duration(run.wall_seconds)}`],
    ["Command", run.command?.join(" ").replace(/^\S*\//, "")],
    ["Version", run.ser_batch && `ser-batch ${run.ser_batch}, Python ${run.python}`],
  ];
  for (const [term, fact] of facts) if (fact) byId("run").append(element("dt", {}, term), element("dd", {}, ...shown(fact)));
  byId("run-json").textContent = JSON.stringify(run, null, 2);
  byId("left-out").textContent = leftOut(nFiles).join(" ");
  byId("left-out").hidden = !byId("left-out").textContent;
}

/** An estimate and its 95 % interval: 26 % (18 to 33 %). */
function interval([value, low, high]) {
  return `${percent(value)} (${Math.round(low * 100)} to ${percent(high)})`;
}

/** Add the shares that listeners found to the table of shares: a column, and a row for what is none of the labels. */
function showEstimates({ shares, level }) {
  const table = byId("shares"), number = (text) => element("td", { class: "number" }, text);
  table.tHead.rows[0].append(element("th", { scope: "col" }, `Estimated, of the ${level}`));
  [...table.tBodies[0].rows].forEach((row, k) => row.append(number(k < labels.length ? interval(shares[labels[k]].estimated) : "")));
  if (shares.other.estimated[0] > 0)
    table.tBodies[0].append(element("tr", {}, element("th", { scope: "row" }, "none of these"),
      element("td", { colspan: "6" }), number(interval(shares.other.estimated))));
}

/** How the labels were changed after the model, in words; undefined if they were not. */
function changed({ calibration, adaptation }) {
  if (calibration)
    return `calibrated with ${calibration.listened} labelled ${calibration.level}: about ${interval(calibration.after.accuracy)} `
      + `of the ${calibration.level} are correct, ${interval(calibration.before.accuracy)} before`;
  if (adaptation) {
    const expected = Object.entries(adaptation.expected).map(([label, share]) => `${label} ${percent(share)}`).join(", ");
    return `adapted to expected shares (${expected}), ${count(adaptation.groups.length, "group")}`;
  }
}

/** Sentences on what this page does not contain. */
function leftOut(nFiles) {
  const n = data.files.length, nTimed = data.segments.filter((segments) => segments.length).length;
  const some = (part, all, thing) => `${part.toLocaleString("en")} of ${count(all, thing)}`;
  return [
    n < nFiles && `The list has ${some(n, nFiles, "file")}: the least certain, and some without a label. `
      + "All files are in files.csv; the shares are those of all files.",
    data.failures.length < totals.failed && `It has ${some(data.failures.length, totals.failed, "failure")}: see failures.csv.`,
    nTimed < n && `It has the segments of the ${count(nTimed, "least certain file")}; the others are drawn as one block: `
      + "their segments are in segments.csv.",
    files.some((file) => address(file.name) === null && !data.sounds[file.name]) && "The recordings cannot be played from here: run.json does not "
      + "have their place, or a browser cannot read it.",
  ].filter(Boolean);
}

// The list: `list` has the files that pass the filter, in order; `drawn` has the rows in the document, by position.
const COLUMNS = { File: "i", Label: "kind", Confidence: "confidence", Length: "ms", Segments: null };
const ROW = 2.25 * parseFloat(getComputedStyle(document.documentElement).fontSize);
const FONT = `600 11px ${getComputedStyle(document.body).fontFamily}`;
const MARGIN = 8; // rows drawn above and below the visible ones
const drawn = new Map();
let list = files, sorted = { column: "i", sign: 1 }, current = 0;

function filterAndSort() {
  const wanted = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const pressed = new Set([...byId("kinds").querySelectorAll("[aria-pressed=true]")].map((button) => Number(button.value)));
  const from = Number(byId("from").value || 0) / 100, to = Number(byId("to").value || 100) / 100;
  const everything = from <= 0 && to >= 1;
  list = files.filter((file) => (!pressed.size || pressed.has(file.kind)) && wanted.every((word) => file.lower.includes(word))
    && (everything || (file.confidence !== null && file.confidence >= from && file.confidence <= to)));
  const { column, sign } = sorted;
  list.sort((a, b) => (a[column] === null) - (b[column] === null) || sign * (a[column] - b[column]) || a.i - b.i);
  const all = files.length.toLocaleString("en");
  byId("count").textContent = list.length === files.length ? `all ${all}` : `${list.length.toLocaleString("en")} of ${all}`;
  byId("table").setAttribute("aria-rowcount", list.length + 1);
  current = 0;
  redraw();
}

function showAll() {
  byId("filter").reset();
  for (const button of byId("kinds").children) button.setAttribute("aria-pressed", "false");
  filterAndSort();
}

function redraw() {
  const held = byId("rows").contains(document.activeElement);
  for (const node of drawn.values()) node.remove();
  drawn.clear();
  hideTip();
  byId("rows").style.height = `${Math.max(1, list.length) * ROW}px`;
  byId("nothing").hidden = list.length > 0;
  draw();
  if (held) focusRow(current);
}

/** Draw the visible rows, in order; remove the others, except for a row with the focus. */
function draw() {
  const top = byId("rows").getBoundingClientRect().top;
  const first = Math.max(0, Math.min(list.length, Math.floor(-top / ROW)) - MARGIN);
  const end = Math.min(list.length, Math.max(0, Math.ceil((innerHeight - top) / ROW)) + MARGIN); // keep some rows for the Tab key
  for (const [i, node] of drawn)
    if ((i < first || i >= end) && !node.contains(document.activeElement)) { node.remove(); drawn.delete(i); }
  const fresh = [];
  for (let i = first; i < end; i++)
    if (!drawn.has(i)) { drawn.set(i, row(i)); fresh.push(i); }
  const order = [...drawn.keys()].sort((a, b) => a - b);
  for (const i of fresh) {
    const after = order.find((j) => j > i && drawn.get(j).isConnected);
    byId("rows").insertBefore(drawn.get(i), after === undefined ? null : drawn.get(after));
  }
  const any = byId("rows").querySelector("canvas"), width = any?.clientWidth, height = any?.clientHeight; // one layout for all rows
  for (const i of fresh)
    if (list[i].kind !== FAILED) paint(drawn.get(i).querySelector("canvas"), list[i], width, height);
  const stop = drawn.has(current) ? current : Math.max(first, Math.min(end - 1, Math.ceil(-top / ROW)));
  for (const [i, node] of drawn) node.querySelector(".stop").tabIndex = i === stop ? 0 : -1;
}

function row(i) {
  const file = list[i];
  const node = element("div", { role: "row", class: "row", "aria-rowindex": i + 2 });
  node.style.top = `${i * ROW}px`;
  node.classList.toggle("chosen", file === playing.file);
  const play = element("button", { type: "button", tabindex: "-1", "aria-label": `Play ${file.name}` }, "▶");
  if (file.kind === FAILED) play.style.visibility = "hidden";
  play.onclick = () => choose(file, 0);
  node.append(
    element("div", { role: "cell", class: "first" }, play, path(file.name)),
    element("div", { role: "cell", class: "kind" }, badge(file.kind), element("span", { class: "word" }, ...shown(kinds[file.kind]))),
    element("div", { role: "cell", class: "number" }, file.confidence === null ? "" : percent(file.confidence)),
    element("div", { role: "cell", class: "number" }, file.ms === null ? "" : clock(file.ms)),
    file.kind === FAILED
      ? element("div", { role: "cell", class: "failure stop", title: file.message }, ...shown(file.message))
      : element("div", { role: "cell" }, timeline(file)));
  const stop = node.querySelector(".stop");
  stop.onkeydown = (event) => key(event, i);
  stop.onfocus = () => { current = i; draw(); if (file.kind !== FAILED) point(file, stop, pointed(stop)); };
  stop.onblur = hideTip;
  return node;
}

function timeline(file) {
  const line = element("div", {
    class: "timeline stop", role: "slider", "aria-label": `Segments of ${file.name}`,
    "aria-valuemin": 1, "aria-valuemax": file.segments.length, "aria-valuenow": 1, "aria-valuetext": words(file.segments[0]),
  }, element("canvas"), element("i", { class: "cursor", hidden: "" }), element("i", { class: "playhead", hidden: "" }));
  const at = (event) => segmentAt(file.segments, (event.clientX - line.getBoundingClientRect().left) / line.clientWidth * file.ms);
  line.onpointermove = (event) => point(file, line, at(event));
  line.onpointerleave = () => { if (line !== document.activeElement) hideTip(); };
  line.onclick = (event) => {
    const k = at(event);
    line.focus({ preventScroll: true });
    point(file, line, k);
    choose(file, file.segments[k][0]);
  };
  return line;
}

/** Draw the segments of a file: colour and letter show the label, the height shows the confidence; speech is below. */
function paint(canvas, file, width, fullHeight) {
  const { segments, speechTimes } = file, n = segments.length;
  const height = run.voice?.sha256 ? fullHeight - SPEECH_ROOM : fullHeight;
  canvas.width = width * devicePixelRatio;
  canvas.height = fullHeight * devicePixelRatio;
  const pen = canvas.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  pen.font = FONT;
  const scale = width / (file.ms || 1);
  pen.fillStyle = SPEECH_COLOUR;
  for (let i = 0; i < speechTimes.length; i += 2) {
    const left = speechTimes[i] * scale, wide = speechTimes[i + 1] * scale - left;
    pen.fillRect(left, height + 2, Math.max(0.5, wide), SPEECH_ROOM - 2);
  }
  for (let first = 0, end; first < n; first = end) {
    const kind = segments[first][2];
    pen.fillStyle = colours[kind];
    for (end = first; end < n && segments[end][2] === kind; end++) {
      const left = edge(segments, end) * scale, wide = edge(segments, end + 1) * scale - left;
      const share = Math.max(...segments[end].slice(3)) / 100;
      const tall = Math.round(height * (share ? 0.4 + 0.6 * share : 0.12)); // silence is flat
      pen.fillRect(left, height - tall, Math.max(0.5, wide > 4 ? wide - 1 : wide), tall);
    }
    if (kinds[kind] === "silent" || kinds[kind] === "no-speech") continue;
    const left = edge(segments, first) * scale, right = edge(segments, end) * scale;
    const letter = pen.measureText(letters[kind]).width + 6, fits = right - left > letter;
    if (!fits || (kind >= PALETTE.length && kind < labels.length)) { // a pattern of dashes for each label
      pen.setLineDash([1 + 2 * (kind % 4), 2 + 2 * (kind >> 2)]);
      pen.strokeStyle = inks[kind];
      pen.lineWidth = 4;
      pen.beginPath();
      pen.moveTo(fits ? left + letter : left, height - 4);
      pen.lineTo(right, height - 4);
      pen.stroke();
    }
    if (fits) {
      pen.fillStyle = inks[kind];
      pen.fillText(letters[kind], left + 4, height - 3);
    }
  }
}

// The figures of the segment under the mouse or the keyboard cursor.
const tip = byId("tip");
const pointed = (line) => Number(line.getAttribute("aria-valuenow")) - 1;
const hideTip = () => { tip.hidden = true; for (const cursor of document.querySelectorAll(".cursor")) cursor.hidden = true; };

function point(file, line, k) {
  hideTip();
  const [start, end, kind, ...shares] = file.segments[k];
  line.setAttribute("aria-valuenow", k + 1);
  line.setAttribute("aria-valuetext", words(file.segments[k]));
  const cursor = line.querySelector(".cursor"), [left, right] = [k, k + 1].map((i) => edge(file.segments, i) / (file.ms || 1));
  cursor.style.left = `${left * 100}%`;
  cursor.style.width = `max(4px, ${(right - left) * 100}%)`;
  cursor.hidden = false;
  const name = (i) => element("td", {}, badge(i), ...shown(kinds[i]));
  const figure = (share, i) => element("tr", {}, name(i), element("td", { class: "number" }, percent(share / 100)), bar(share / 100, i));
  const figures = Math.max(...shares) ? shares.map(figure) : [element("tr", {}, name(kind))];
  tip.replaceChildren(element("strong", {}, `${clock(start)} – ${clock(end)}`), element("table", {}, element("tbody", {}, ...figures)));
  tip.hidden = false;
  const box = line.getBoundingClientRect(), middle = box.left + (left + right) / 2 * box.width;
  const below = box.bottom + 8 + tip.offsetHeight < lowest();
  tip.style.left = `${Math.max(8, Math.min(innerWidth - tip.offsetWidth - 8, middle - tip.offsetWidth / 2))}px`;
  tip.style.top = `${below ? box.bottom + 8 : box.top - 8 - tip.offsetHeight}px`;
}

function key(event, i) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const file = list[i], line = event.currentTarget, page = Math.floor(innerHeight / ROW / 2);
  const rows = { ArrowDown: i + 1, ArrowUp: i - 1, PageDown: i + page, PageUp: i - page };
  if (event.key in rows) focusRow(Math.max(0, Math.min(list.length - 1, rows[event.key])));
  else if (file.kind === FAILED) return;
  else if (event.key === "Enter" || event.key === " ") choose(file, file.segments[pointed(line)][0]);
  else {
    const n = file.segments.length, to = { ArrowRight: pointed(line) + 1, ArrowLeft: pointed(line) - 1, Home: 0, End: n - 1 }[event.key];
    if (to === undefined) return;
    point(file, line, Math.max(0, Math.min(n - 1, to)));
  }
  event.preventDefault();
}

/** The lowest visible y: the top of the player, or the end of the window. */
const lowest = () => innerHeight - byId("player").offsetHeight;

function reveal(i) {
  const top = byId("rows").getBoundingClientRect().top + i * ROW, above = byId("head").offsetHeight;
  if (top < above) scrollBy(0, top - above);
  else if (top + ROW > lowest()) scrollBy(0, top + ROW - lowest());
}

function focusRow(i) {
  reveal(i);
  current = i;
  draw();
  drawn.get(i).querySelector(".stop").focus({ preventScroll: true });
}

// The player.
const audio = byId("audio");
const playing = { file: null };
const SOUND_MS = 60_000; // length of an embedded recording, at most

function choose(file, ms) {
  const link = address(file.name), sound = data.sounds[file.name];
  const url = sound && (ms < SOUND_MS || link === null) ? `data:audio/mpeg;base64,${sound}` : link;
  if (playing.file !== file) audio.pause();
  playing.file = file;
  byId("player").hidden = false;
  byId("playing").replaceChildren(...shown(file.name));
  byId("heard").textContent = words(whole(file.ms, file.kind, file.shares));
  byId("trouble").textContent = url === null ? "The place of the recordings is not known to this page." : "";
  byId("open").hidden = link === null;
  audio.hidden = url === null || /^https?:/.test(url); // this page loads nothing from the network; the link does
  for (const [i, node] of drawn) node.classList.toggle("chosen", list[i] === file);
  reveal(list.indexOf(file)); // the player can cover it
  showPlayhead();
  if (url === null) return;
  byId("open").href = link ?? "";
  if (audio.hidden) return;
  if (audio.getAttribute("src") !== url || audio.error) audio.src = url;
  audio.currentTime = ms / 1000;
  audio.play().catch(() => {}); // errors arrive at audio.onerror
}

function showPlayhead() {
  for (const [i, node] of drawn) {
    const head = node.querySelector(".playhead");
    if (!head) continue;
    head.hidden = list[i] !== playing.file || !audio.currentTime;
    head.style.left = `${audio.currentTime * 1e5 / (list[i].ms || 1)}%`;
  }
}

audio.ontimeupdate = showPlayhead;
audio.onerror = () => {
  byId("trouble").textContent = "The browser cannot play this file: it has moved, or the browser does not know its format.";
};
byId("close").onclick = () => {
  audio.pause();
  byId("player").hidden = true;
  playing.file = null;
  redraw();
  if (list.length) focusRow(current);
};

// The filter, the head of the table, and the start.
function makeControls() {
  const present = new Set(files.map((file) => file.kind));
  for (const k of kinds.keys()) {
    if (!present.has(k)) continue;
    const button = element("button", { type: "button", value: k, "aria-pressed": "false" }, badge(k), ...shown(kinds[k]));
    button.onclick = () => {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "false");
      filterAndSort();
    };
    byId("kinds").append(button);
  }
  for (const [title, column] of Object.entries(COLUMNS)) {
    const numeric = column === "confidence" || column === "ms";
    const head = element("div", { role: "columnheader", class: numeric ? "number" : "" },
      column ? element("button", { type: "button" }, title) : title);
    if (column === sorted.column) head.ariaSort = "ascending";
    if (column) head.firstChild.onclick = () => {
      sorted = { column, sign: sorted.column === column ? -sorted.sign : 1 };
      for (const other of byId("head").querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sorted.sign > 0 ? "ascending" : "descending");
      filterAndSort();
    };
    byId("head").firstElementChild.append(head);
  }
  const filter = byId("filter");
  filter.onsubmit = (event) => event.preventDefault();
  filter.oninput = filterAndSort;
  byId("clear").onclick = showAll;
  addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
  addEventListener("scroll", () => {
    const line = document.activeElement;
    if (!tip.hidden && line.matches(".timeline")) point(list[current], line, pointed(line)); else hideTip();
    draw();
  }, { passive: true });
  new ResizeObserver(redraw).observe(byId("head"));
}

showOverview();
makeControls();
filterAndSort();
