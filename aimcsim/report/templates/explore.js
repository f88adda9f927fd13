/* The page "Explore": filters every run of a study in the browser, and redraws what is linked.

Time from a filter of 100,000 runs of 12 columns to the end of its drawing, headless Chromium 150
without a GPU, on two cores shared with much other work (tests/report/test_explore_page.py measures
this file):
  plotly.js 4.1: parcoords, and scattergl given the points left 13 to 66 s, and 8 to 61 s
  regl-scatterplot 1.16: scatter alone, it has no axes           109 to 701 ms
  this file: parallel axes, scatter and curves together          36 to 49 ms
So it is drawn here: rows that pass every filter are counted into cells, and cells are painted, whose
number does not grow with that of the runs. Few runs are drawn one by one. */
"use strict";
(() => {
  const BINS = 128; // along an axis, in a crowd
  const NOWHERE = BINS; // bin of a number that is not there
  const MISSING = 65535;
  const LAST = 65534; // highest code of a number
  const CURVE_LAST = 254;
  const FEW_LINES = 1000;
  const FEW_POINTS = 4000;
  const FEW_CURVES = 60;
  const SHOWN = 10; // rows of the table
  const EDGE = 8; // pixels between the outermost points of a chart and its frame
  const byId = (id) => document.getElementById(id);
  const study = JSON.parse(byId("runs").textContent);
  const count = study.rows;
  const methods = Object.entries(study.methods).map(([label, look]) => ({ label, ...look }));

  // ---------------------------------------------------------------- columns and their filters

  async function unpack(text, Kind) {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let k = 0; k < bytes.length; k++) bytes[k] = binary.charCodeAt(k);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Kind(await new Response(stream).arrayBuffer());
  }

  /* A column: its codes, and which rows its filter leaves out. A filter is a range of codes, or of
     a column with levels which of them are kept; null where nothing is filtered. */
  class Column {
    constructor(about, codes) {
      Object.assign(this, about);
      this.codes = codes;
      this.out = new Uint8Array(count);
      this.filter = null;
      this.axis = false;
      this.bins = new Uint8Array(count);
      for (let k = 0; k < count; k++) this.bins[k] = this.bin(k);
    }

    /* Share of the axis over which rows of one level are spread: they would be one line. */
    get band() {
      return Math.min(0.14, 0.5 / this.levels.length);
    }

    /* Where row k crosses the axis, 0 to 1; of a number that is not there -1. */
    crossing(k) {
      const place = this.place(this.codes[k]);
      if (!this.levels) return place;
      const share = ((k * 2654435761) >>> 16) / 65535; // of all axes the same: levels have ribbons
      return place + (share - 0.5) * this.band;
    }

    bin(k) {
      const crossing = this.crossing(k);
      return crossing < 0 ? NOWHERE : Math.min(BINS - 1, Math.floor(crossing * BINS));
    }

    /* Where a code lies along the axis, 0 to 1; of a number that is not there -1. */
    place(code) {
      if (!this.levels) return code === MISSING ? -1 : code / LAST;
      const along = this.levels.length > 1 ? code / (this.levels.length - 1) : 0.5;
      return this.band / 2 + (1 - this.band) * along;
    }

    value(code) {
      if (this.levels) return this.levels[code];
      if (code === MISSING) return NaN;
      const share = code / LAST;
      if (!this.log) return this.low + (this.high - this.low) * share;
      return this.low * (this.high / this.low) ** share;
    }

    /* The code of a number, not rounded. */
    code(value) {
      const share = this.log
        ? Math.log(value / this.low) / Math.log(this.high / this.low)
        : (value - this.low) / (this.high - this.low);
      return (Number.isNaN(share) ? 0 : share) * LAST; // beyond a column of one number: infinite
    }

    text(code) {
      const value = this.value(code);
      return this.levels ? value : number(value);
    }

    keeps(code) {
      if (this.filter === null) return true;
      if (this.levels) return this.filter[code] === 1;
      return code >= this.filter[0] && code <= this.filter[1];
    }
  }

  const columns = []; // all of them, in the order of the page
  const fails = new Uint8Array(count); // filters that leave a row out
  let everyone = null; // all rows, see partition
  let chosen = null; // rows that pass every filter
  let methodOf = null; // index into methods, of every row
  let curves = null; // codes of the error of all rows at the first iteration, at the second, ...

  function setFilter(column, filter) {
    if (column.levels && filter && filter.every((kept) => kept)) filter = null;
    column.filter = filter;
    const { codes, out } = column;
    if (filter === null) {
      for (let k = 0; k < count; k++) fails[k] -= out[k];
      out.fill(0);
    } else if (column.levels) {
      for (let k = 0; k < count; k++) {
        const now = filter[codes[k]] ^ 1;
        fails[k] += now - out[k];
        out[k] = now;
      }
    } else {
      const [low, high] = filter;
      for (let k = 0; k < count; k++) {
        const now = codes[k] < low || codes[k] > high ? 1 : 0;
        fails[k] += now - out[k];
        out[k] = now;
      }
    }
  }

  /* Rows that `keeps` is 0 of, together and by method. */
  function partition(keeps) {
    const lengths = new Uint32Array(methods.length);
    for (let k = 0; k < count; k++) if (keeps[k] === 0) lengths[methodOf[k]]++;
    const byMethod = Array.from(lengths, (length) => new Uint32Array(length));
    const rows = new Uint32Array(lengths.reduce((sum, length) => sum + length, 0));
    lengths.fill(0);
    let length = 0;
    for (let k = 0; k < count; k++)
      if (keeps[k] === 0) {
        rows[length++] = k;
        const m = methodOf[k];
        byMethod[m][lengths[m]++] = k;
      }
    return { rows, byMethod, length };
  }

  // ---------------------------------------------------------------- text, scales and colours

  function number(value) {
    if (!Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size >= 1e6 || size < 1e-3) return value.toExponential(1).replace("e+", "e").replace("-", "−");
    const decimals = Math.max(0, Math.min(5, 2 - Math.floor(Math.log10(size))));
    const text = value.toLocaleString("en", { maximumFractionDigits: decimals });
    return text.replace("-", "−");
  }

  const counted = (value) => value.toLocaleString("en");

  /* Round numbers from low to high with their texts, about as many as asked for. */
  function ticks(low, high, log, about) {
    const decades = log ? Math.log10(high / low) : 0;
    if (decades > 1.3) {
      const steps = decades > about / 1.5 ? [1] : decades > about / 3 ? [1, 3] : [1, 2, 5];
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
        for (const step of steps) found.push(step * 10 ** power);
      return found
        .filter((value) => value >= low && value <= high)
        .map((value) => ({ value, text: number(value) }));
    }
    const rough = (high - low) / about || 1;
    const power = Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((s) => s * 10 ** power).find((s) => s >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) {
      const value = k * step;
      const text = digits > 5 || Math.abs(value) >= 1e6 ? number(value) : value.toFixed(digits);
      found.push({ value, text: text.replace("-", "−") });
    }
    return found;
  }

  function columnTicks(column, about) {
    if (column.levels)
      return column.levels.map((text, code) => ({ place: column.place(code), text }));
    return ticks(column.low, column.high, column.log, about).map(({ value, text }) => ({
      place: column.code(value) / LAST,
      text,
    }));
  }

  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const paper = window.matchMedia("print"); // is always light
  const isDark = () => scheme.matches && !paper.matches;
  const look = {};

  function rgb(hex) {
    return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  }

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "soft", "line", "paper", "link"])
      look[name] = style.getPropertyValue(`--${name}`).trim();
    for (const method of methods) {
      const white = isDark() ? 0.4 : 0; // so that it stands out from a dark page too
      method.rgb = rgb(method.colour).map((part) => Math.round(part + (255 - part) * white));
      method.css = `rgb(${method.rgb.join(",")})`;
    }
    look.others = isDark() ? [92, 98, 107] : [176, 181, 189];
  }

  // ---------------------------------------------------------------- painting crowds

  /* A canvas of its size on the page, sharp on fine screens; its context in pixels of the page. */
  function fit(canvas, width, height) {
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
    return context;
  }

  /* Densities of every method on a raster, painted as one picture: the colour of a pixel is the mean
     of the methods' by density, its opacity grows with the logarithm of the density. */
  class Raster {
    resize(width, height) {
      if (this.width === width && this.height === height) return;
      Object.assign(this, { width, height });
      this.density = methods.map(() => new Float32Array(width * height));
      this.canvas = document.createElement("canvas");
      this.canvas.width = width;
      this.canvas.height = height;
      this.context = this.canvas.getContext("2d");
      this.image = this.context.createImageData(width, height);
      this.sum = new Float32Array(width * height);
    }

    clear() {
      for (const density of this.density) density.fill(0);
    }

    paint(colours) {
      const { density, image, sum } = this;
      const pixels = new Uint32Array(image.data.buffer);
      const size = pixels.length;
      let largest = 0;
      for (let k = 0; k < size; k++) {
        let all = 0;
        for (let m = 0; m < density.length; m++) all += density[m][k];
        sum[k] = all;
        if (all > largest) largest = all;
      }
      const unit = 1 / Math.log1p(largest || 1);
      for (let k = 0; k < size; k++) {
        const all = sum[k];
        if (all === 0) {
          pixels[k] = 0;
          continue;
        }
        let red = 0, green = 0, blue = 0;
        for (let m = 0; m < density.length; m++) {
          const share = density[m][k] / all;
          if (share === 0) continue;
          red += share * colours[m][0];
          green += share * colours[m][1];
          blue += share * colours[m][2];
        }
        const alpha = Math.min(255, 40 + 215 * Math.log1p(all) * unit);
        pixels[k] = (alpha << 24) | (blue << 16) | (green << 8) | red; // little-endian
      }
      this.context.putImageData(image, 0, 0);
      return this.canvas;
    }
  }

  const colours = () => methods.map((method) => method.rgb);
  const greys = () => methods.map(() => look.others);

  // ---------------------------------------------------------------- parallel axes

  const axes = {
    canvas: byId("axes"), raster: new Raster(), grey: document.createElement("canvas"),
    top: 62, height: 260, lane: 30, left: 76, right: 76, step: 2, shown: [], key: "",
  };
  const cells = new Uint32Array((BINS + 1) * (BINS + 1));

  const axisX = (k) => axes.left + k * axes.gap;
  const axisY = (place) =>
    place < 0 ? axes.top + axes.height + axes.lane - 10 : axes.top + (1 - place) * axes.height;

  function layAxes() {
    axes.shown = columns.filter((column) => column.axis);
    const gaps = Math.max(1, axes.shown.length - 1);
    const room = byId("axes-frame").clientWidth - axes.left - axes.right;
    axes.gap = Math.max(72, Math.floor(room / gaps));
    axes.width = axes.left + axes.right + gaps * axes.gap;
    axes.total = axes.top + axes.height + axes.lane;
    axes.key = "";
    byId("axes-titles").replaceChildren(...axes.shown.map((column, k) => titleOf(column, axisX(k))));
  }

  /* The name of an axis, which leads to its filter. */
  function titleOf(column, x) {
    const title = element(
      "button", { type: "button", title: "Filter", onclick: (event) => {
        event.stopPropagation(); // an open filter closes on a click elsewhere
        column.details.open = true;
        column.details.querySelector("summary").focus();
      } },
      column.title.length > 26 ? column.label : column.title,
    );
    title.dataset.column = column.name;
    Object.assign(title.style, { left: `${x}px`, width: `${axes.gap - 8}px`, height: `${axes.top - 8}px` });
    return title;
  }

  /* The crowd of `rows` between all axes. Between two axes a row is a straight line; its pixels are
     one per column of the raster, so that every column holds all rows. */
  function crowdOfLines({ byMethod }, paint) {
    const { raster, shown, step } = axes;
    const width = Math.ceil((axes.width - axes.left - axes.right) / step);
    const height = axes.height + axes.lane;
    raster.resize(width, height);
    raster.clear();
    const row = new Float32Array(BINS + 1);
    for (let bin = 0; bin < BINS; bin++) row[bin] = (1 - bin / (BINS - 1)) * (axes.height - 2);
    row[NOWHERE] = height - 10;
    const across = Math.floor(axes.gap / step);
    for (let gap = 0; gap + 1 < shown.length; gap++) {
      const from = shown[gap].bins, to = shown[gap + 1].bins;
      const start = Math.round((gap * axes.gap) / step);
      for (let m = 0; m < methods.length; m++) {
        const own = byMethod[m], density = raster.density[m];
        if (!own.length) continue;
        cells.fill(0);
        for (let k = 0; k < own.length; k++) cells[from[own[k]] * (BINS + 1) + to[own[k]]]++;
        for (let a = 0; a <= BINS; a++)
          for (let b = 0; b <= BINS; b++) {
            const weight = cells[a * (BINS + 1) + b];
            if (weight === 0) continue;
            const slope = (row[b] - row[a]) / across;
            let y = row[a] + 0.5;
            let at = start;
            for (let x = 0; x < across; x++, at++, y += slope) {
              const pixel = (y | 0) * width + at;
              density[pixel] += weight; // a bin is two pixels high
              density[pixel + width] += weight;
            }
          }
      }
    }
    return raster.paint(paint);
  }

  function lines(context, { byMethod, length }, paint, alpha) {
    const { shown } = axes;
    context.lineWidth = length > 200 ? 0.8 : 1.2;
    context.globalAlpha = alpha;
    for (let m = 0; m < methods.length; m++) {
      context.strokeStyle = `rgb(${paint[m].join(",")})`;
      context.beginPath();
      for (const k of byMethod[m]) {
        for (let a = 0; a < shown.length; a++) {
          const y = axisY(shown[a].crossing(k));
          if (a) context.lineTo(axisX(a), y);
          else context.moveTo(axisX(a), y);
        }
      }
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  function drawAxes() {
    const { canvas, shown } = axes;
    const context = fit(canvas, axes.width, axes.total);
    const box = [axes.left, axes.top, axes.width - axes.left - axes.right, axes.height + axes.lane];
    const few = ({ length }) => length <= FEW_LINES;
    // All runs in grey stay as they are while a filter moves.
    const key = `${axes.width} ${isDark()} ${shown.map((column) => column.name)}`;
    if (axes.key !== key) {
      axes.key = key;
      const grey = fit(axes.grey, axes.width, axes.total);
      if (few(everyone)) lines(grey, everyone, greys(), 0.5);
      else {
        grey.globalAlpha = 0.7;
        grey.drawImage(crowdOfLines(everyone, greys()), ...box);
        grey.globalAlpha = 1;
      }
    }
    const all = chosen.length === count;
    if (!all) context.drawImage(axes.grey, 0, 0, axes.width, axes.total);
    if (few(chosen)) lines(context, chosen, colours(), Math.max(0.35, Math.min(0.9, 60 / chosen.length)));
    else context.drawImage(crowdOfLines(chosen, colours()), ...box);
    if (marked !== null) {
      context.globalAlpha = 1;
      context.lineWidth = 2.5;
      context.strokeStyle = look.ink;
      context.beginPath();
      shown.forEach((column, a) => {
        const y = axisY(column.crossing(marked));
        if (a) context.lineTo(axisX(a), y);
        else context.moveTo(axisX(a), y);
      });
      context.stroke();
    }
    shown.forEach((column, a) => drawAxis(context, column, axisX(a), a));
  }

  function halo(context, text, x, y) {
    context.lineWidth = 3.5;
    context.lineJoin = "round";
    context.strokeStyle = look.paper;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }

  function drawAxis(context, column, x, a) {
    context.strokeStyle = look.soft;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, axes.top);
    context.lineTo(x, axes.top + axes.height);
    context.stroke();
    const [low, high] = span(column);
    if (column.filter) {
      context.fillStyle = look.link;
      context.globalAlpha = 0.28;
      context.fillRect(x - 7, axisY(high), 14, Math.max(2, axisY(low) - axisY(high)));
      context.globalAlpha = 1;
      context.fillRect(x - 7, axisY(high) - 1, 14, 2);
      context.fillRect(x - 7, axisY(low) - 1, 14, 2);
    }
    context.fillStyle = look.ink;
    context.textBaseline = "middle";
    const last = a === axes.shown.length - 1 && a > 0;
    context.textAlign = last ? "left" : "right";
    const side = last ? 9 : -9;
    let before = Infinity;
    for (const { place, text } of columnTicks(column, 5)) {
      const y = axisY(place);
      if (Math.abs(before - y) < 13) continue;
      before = y;
      halo(context, clipped(context, text, a === 0 || last ? 60 : axes.gap - 14), x + side, y);
    }
    if (!column.levels && column.missing) halo(context, "–", x + side, axisY(-1));
  }

  /* Ends of the filter along the axis, 0 to 1. */
  function span(column) {
    if (!column.filter) return [0, 1];
    if (!column.levels) return column.filter.map((code) => Math.min(1, Math.max(0, code / LAST)));
    const kept = [...column.filter.keys()].filter((code) => column.filter[code]);
    if (!kept.length) return [0, 0];
    const half = column.band / 2;
    return [column.place(kept[0]) - half, column.place(kept[kept.length - 1]) + half];
  }

  function clipped(context, text, room) {
    if (context.measureText(text).width <= room) return text;
    let length = text.length;
    while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length--;
    return `${text.slice(0, length)}…`;
  }

  // ---------------------------------------------------------------- scatter

  const scatter = {
    canvas: byId("scatter"), raster: new Raster(), height: 320, left: 62, right: 16, top: 14,
    bottom: 52, cell: 2,
  };

  function layScatter() {
    scatter.width = Math.max(260, byId("scatter-frame").clientWidth);
  }

  /* Where points lie: left, top, width, height. */
  const inside = () => [
    scatter.left, scatter.top,
    scatter.width - scatter.left - scatter.right, scatter.height - scatter.top - scatter.bottom,
  ];

  function crowdOfPoints({ byMethod }, paint) {
    const { raster, cell } = scatter;
    const [, , width, height] = inside();
    const columnsOfRaster = Math.ceil(width / cell), rowsOfRaster = Math.ceil(height / cell);
    raster.resize(columnsOfRaster, rowsOfRaster);
    raster.clear();
    const x = scatter.x.codes, y = scatter.y.codes;
    const fx = (columnsOfRaster - 1) / LAST, fy = (rowsOfRaster - 1) / LAST;
    byMethod.forEach((rows, m) => {
      const density = raster.density[m];
      for (let i = 0; i < rows.length; i++) {
        const k = rows[i];
        if (x[k] === MISSING || y[k] === MISSING) continue;
        density[(((LAST - y[k]) * fy) | 0) * columnsOfRaster + ((x[k] * fx) | 0)] += 1;
      }
    });
    return raster.paint(paint);
  }

  const shapes = {
    s: (c, r) => c.rect(-r * 0.85, -r * 0.85, 1.7 * r, 1.7 * r),
    o: (c, r) => c.arc(0, 0, r, 0, 7),
    v: (c, r) => polygon(c, [[0, r], [-r, -r * 0.8], [r, -r * 0.8]]),
    P: (c, r) => { c.rect(-r, -r / 3, 2 * r, (2 * r) / 3); c.rect(-r / 3, -r, (2 * r) / 3, 2 * r); },
    X: (c, r) => polygon(c, [[0, -r / 3], [r, -r], [r / 3, 0], [r, r], [0, r / 3], [-r, r], [-r / 3, 0], [-r, -r]]),
    "<": (c, r) => polygon(c, [[-r, 0], [r * 0.8, -r], [r * 0.8, r]]),
    ">": (c, r) => polygon(c, [[r, 0], [-r * 0.8, -r], [-r * 0.8, r]]),
  };
  const diamond = (c, r) => polygon(c, [[0, -r], [r, 0], [0, r], [-r, 0]]);

  function polygon(context, points) {
    points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.closePath();
  }

  function points(context, { byMethod }, paint, alpha, radius) {
    for (let m = 0; m < methods.length; m++) {
      context.fillStyle = `rgb(${paint[m].join(",")})`;
      context.globalAlpha = alpha;
      const shape = shapes[methods[m].marker] ?? diamond;
      for (const k of byMethod[m]) {
        const [x, y] = pointAt(k);
        if (x === null) continue;
        context.save();
        context.translate(x, y);
        context.beginPath();
        shape(context, radius);
        context.fill();
        context.restore();
      }
    }
    context.globalAlpha = 1;
  }

  function pointAt(k) {
    const x = scatter.x.codes[k], y = scatter.y.codes[k];
    if (x === MISSING || y === MISSING) return [null, null];
    const [left, top, width, height] = inside();
    return [left + (x / LAST) * width, top + (1 - y / LAST) * height];
  }

  function drawScatter() {
    const context = fit(scatter.canvas, scatter.width, scatter.height);
    const [left, top, width, height] = inside();
    frame(context, inside(), columnTicks(scatter.x, width / 75), columnTicks(scatter.y, 6));
    context.textAlign = "center";
    context.fillText(scatter.x.title, left + width / 2, scatter.height - 10);
    const few = everyone.length <= FEW_POINTS;
    if (chosen.length < count) {
      if (few) points(context, everyone, greys(), 0.6, 2.2);
      else drawGreyPoints(context, [left, top, width, height]);
    }
    if (chosen.length <= FEW_POINTS)
      points(context, chosen, colours(), chosen.length > 400 ? 0.55 : 0.8, chosen.length > 1000 ? 2 : 3.2);
    else context.drawImage(crowdOfPoints(chosen, colours()), left, top, width, height);
    if (marked !== null && pointAt(marked)[0] !== null) {
      const [x, y] = pointAt(marked);
      context.strokeStyle = look.ink;
      context.lineWidth = 2;
      context.beginPath();
      context.arc(x, y, 7, 0, 7);
      context.stroke();
    }
    if (scatter.x.filter || scatter.y.filter) {
      const [x0, x1] = span(scatter.x), [y0, y1] = span(scatter.y);
      context.strokeStyle = look.link;
      context.lineWidth = 1.5;
      context.strokeRect(left + x0 * width, top + (1 - y1) * height, (x1 - x0) * width, (y1 - y0) * height);
    }
  }

  function drawGreyPoints(context, box) {
    const key = `${scatter.width} ${isDark()} ${scatter.x.name} ${scatter.y.name}`;
    if (scatter.key !== key) {
      scatter.key = key;
      const painted = crowdOfPoints(everyone, greys());
      scatter.grey = document.createElement("canvas");
      scatter.grey.width = painted.width;
      scatter.grey.height = painted.height;
      scatter.grey.getContext("2d").drawImage(painted, 0, 0);
    }
    context.globalAlpha = 0.6;
    context.drawImage(scatter.grey, ...box);
    context.globalAlpha = 1;
  }

  /* Grid and tick labels of a chart; leaves the ink ready for its titles. */
  function frame(context, [left, top, width, height], across, up) {
    context.strokeStyle = look.line;
    context.lineWidth = 1;
    context.fillStyle = look.soft;
    context.textBaseline = "middle";
    context.beginPath();
    context.textAlign = "center";
    let before = -Infinity;
    for (const { place, text } of across) {
      const x = left + place * width;
      context.moveTo(x, top - EDGE);
      context.lineTo(x, top + height + EDGE);
      if (x - before < 34) continue;
      before = x;
      context.fillText(text, x, top + height + EDGE + 11);
    }
    context.textAlign = "right";
    before = Infinity;
    for (const { place, text } of up) {
      const y = top + (1 - place) * height;
      context.moveTo(left - EDGE, y);
      context.lineTo(left + width + EDGE, y);
      if (Math.abs(before - y) < 13) continue;
      before = y;
      context.fillText(text, left - EDGE - 4, y);
    }
    context.stroke();
    context.fillStyle = look.ink;
  }

  // ---------------------------------------------------------------- convergence

  const chart = {
    canvas: byId("curves"), height: 320, left: 54, right: 16, top: 14, bottom: 52,
  };
  const spread = new Uint32Array(CURVE_LAST + 1);

  /* Codes at the 10th, 50th and 90th percentile of the error of `rows` at each iteration. */
  function quantiles(rows) {
    const steps = study.curves.iterations.length;
    return Array.from({ length: steps }, (_, step) => {
      spread.fill(0);
      let known = 0;
      for (let i = 0; i < rows.length; i++) {
        const code = curves[step * count + rows[i]];
        if (code <= CURVE_LAST) {
          spread[code]++;
          known++;
        }
      }
      if (!known) return null;
      let passed = 0, code = -1;
      return [0.1, 0.5, 0.9].map((share) => {
        while (passed < share * known) passed += spread[++code];
        return Math.max(0, code);
      });
    });
  }

  function drawCurves() {
    const { iterations, low, high, log, label } = study.curves;
    chart.width = Math.max(260, byId("curves-frame").clientWidth);
    const context = fit(chart.canvas, chart.width, chart.height);
    const width = chart.width - chart.left - chart.right;
    const height = chart.height - chart.top - chart.bottom;
    const first = iterations[0], last = iterations[iterations.length - 1];
    const along = (value) => (value - first) / (last - first || 1);
    const scale = (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low || 1));
    frame(
      context, [chart.left, chart.top, width, height],
      ticks(first, last, false, width / 75).map(({ value, text }) => ({ place: along(value), text })),
      ticks(low, high, log, 6).map(({ value, text }) => ({ place: scale(value), text })),
    );
    context.textAlign = "center";
    context.fillText("iteration of the method", chart.left + width / 2, chart.height - 10);
    const x = iterations.map((value) => chart.left + along(value) * width);
    const y = (code) => chart.top + (1 - code / CURVE_LAST) * height;
    const trace = (codes) => {
      let down = false;
      codes.forEach((code, step) => {
        if (code === null || code > CURVE_LAST) return;
        if (down) context.lineTo(x[step], y(code));
        else context.moveTo(x[step], y(code));
        down = true;
      });
    };
    const curveOf = (k) => iterations.map((_, step) => curves[step * count + k]);
    methods.forEach((method, m) => {
      const rows = chosen.byMethod[m];
      if (!rows.length) return;
      const found = quantiles(rows);
      context.fillStyle = context.strokeStyle = method.css;
      if (rows.length <= FEW_CURVES) {
        context.globalAlpha = 0.45;
        context.lineWidth = 1;
        context.beginPath();
        for (const k of rows) trace(curveOf(k));
        context.stroke();
      } else {
        const there = found.map((q, step) => [q, step]).filter(([q]) => q);
        context.globalAlpha = 0.22;
        context.beginPath();
        there.forEach(([q, step], k) => (k ? context.lineTo(x[step], y(q[0])) : context.moveTo(x[step], y(q[0]))));
        there.reverse().forEach(([q, step]) => context.lineTo(x[step], y(q[2])));
        context.closePath();
        context.fill();
      }
      context.globalAlpha = 1;
      context.lineWidth = 2.5;
      context.beginPath();
      trace(found.map((q) => q && q[1]));
      context.stroke();
    });
    if (marked !== null) {
      context.strokeStyle = look.ink;
      context.lineWidth = 2.5;
      context.beginPath();
      trace(curveOf(marked));
      context.stroke();
    }
    byId("curves-title").textContent = label;
  }

  // ---------------------------------------------------------------- what is read, not seen

  function summary() {
    const column = scatter.y;
    const tally = new Uint32Array(LAST + 2);
    for (let i = 0; i < chosen.length; i++) tally[column.codes[chosen.rows[i]]]++;
    const known = chosen.length - tally[MISSING];
    if (!known) return "";
    let passed = 0, code = -1;
    const ends = [0.1, 0.5, 0.9].map((share) => {
      while (passed < share * known) passed += tally[++code];
      return number(column.value(Math.max(0, code)));
    });
    return `${column.title}: median ${ends[1]}, ${ends[0]} to ${ends[2]} for the middle 80 %.`;
  }

  const countText = () => `${counted(chosen.length)} of ${counted(count)} runs`;

  function drawTable() {
    const { codes } = scatter.y;
    const sign = byId("order").value === "largest" ? -1 : 1;
    const best = [];
    for (let i = 0; i < chosen.length; i++) {
      const k = chosen.rows[i];
      if (codes[k] === MISSING) continue;
      const rank = sign * codes[k];
      if (best.length === SHOWN && rank >= best[SHOWN - 1].rank) continue;
      best.push({ k, rank });
      best.sort((one, other) => one.rank - other.rank || one.k - other.k);
      if (best.length > SHOWN) best.pop();
    }
    const shown = [...new Set([...axes.shown, scatter.x, scatter.y])];
    const head = byId("found").tHead, body = byId("found").tBodies[0];
    head.replaceChildren(line("th", shown.map((column) => column.title)));
    body.replaceChildren(
      ...best.map(({ k }) => {
        const made = line("td", shown.map((column) => column.text(column.codes[k])));
        made.addEventListener("pointerenter", () => mark(k));
        made.addEventListener("pointerleave", () => mark(null));
        return made;
      }),
    );
  }

  function line(kind, texts) {
    const row = document.createElement("tr");
    for (const text of texts) {
      const cell = document.createElement(kind);
      cell.textContent = text;
      if (kind === "th") cell.scope = "col";
      row.append(cell);
    }
    return row;
  }

  function save() {
    const quoted = (text) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const exact = (column, code) => {
      const value = column.value(code);
      return column.levels ? (value === "–" ? "" : quoted(value)) : Number.isNaN(value) ? "" : value.toPrecision(5);
    };
    const rows = [columns.map((column) => quoted(column.title)).join(",")];
    for (const k of chosen.rows) rows.push(columns.map((column) => exact(column, column.codes[k])).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${rows.join("\n")}\n`], { type: "text/csv" }));
    link.download = "chosen_runs.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  // ---------------------------------------------------------------- redrawing

  let marked = null; // the row under the pointer
  let waiting = 0, telling = 0;

  function redraw() {
    if (!waiting) waiting = requestAnimationFrame(draw);
  }

  function draw() {
    waiting = 0;
    const start = performance.now();
    chosen = partition(fails);
    drawAxes();
    drawScatter();
    drawCurves();
    byId("count").textContent = countText();
    byId("summary").textContent = summary();
    if (performance.getEntriesByName("explorer-frame").length > 500)
      performance.clearMeasures("explorer-frame");
    performance.measure("explorer-frame", { start, end: performance.now() });
    // What is slow or speaks waits until the filter rests.
    clearTimeout(telling);
    telling = setTimeout(tell, 250);
  }

  function tell() {
    drawTable();
    byId("status").textContent = `${countText()}. ${summary()}`;
    for (const column of columns) column.sync();
    byId("clear").disabled = columns.every((column) => column.filter === null);
    byId("save").disabled = chosen.length === 0;
  }

  function mark(k) {
    if (marked === k) return;
    marked = k;
    redraw();
  }

  function apply(column, filter) {
    setFilter(column, filter);
    redraw();
  }

  // ---------------------------------------------------------------- controls

  function element(kind, attributes, ...children) {
    const made = document.createElement(kind);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (name in made) made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  function control(column) {
    const state = element("span", { className: "state" });
    const fields = column.levels ? levelFields(column) : rangeFields(column);
    const shown = element("input", {
      type: "checkbox", checked: column.axis,
      onchange: (event) => { column.axis = event.target.checked; layAxes(); redraw(); },
    });
    const inner = element(
      "div", { className: "fields" },
      element("fieldset", {}, element("legend", {}, `Keep ${column.title}`), ...fields.parts),
      element("label", { className: "axis" }, shown, " show as an axis"),
    );
    column.sync = () => {
      fields.sync();
      state.textContent = filterText(column);
      details.classList.toggle("filtered", column.filter !== null);
    };
    const details = element(
      "details", { className: "filter", name: "filters" },
      element("summary", {}, `${column.label} `, state), inner,
    );
    column.details = details;
    return details;
  }

  function filterText(column) {
    if (column.filter === null) return "all";
    if (!column.levels) return column.filter.map((code) => number(column.value(Math.min(LAST, Math.max(0, code))))).join(" to ");
    const kept = column.levels.filter((_, code) => column.filter[code]);
    if (!kept.length) return "none";
    return kept.length > 2 ? `${kept.length} of ${column.levels.length}` : kept.join(", ");
  }

  function levelFields(column) {
    const boxes = column.levels.map((text, code) => {
      const box = element("input", {
        type: "checkbox", checked: true,
        onchange: () => {
          const filter = Uint8Array.from(boxes, ({ box }) => (box.checked ? 1 : 0));
          apply(column, filter);
        },
      });
      return { box, code, label: element("label", {}, box, ` ${text === "–" ? "– (not of its method, or off)" : text}`) };
    });
    const every = (checked) => () => apply(column, checked ? null : new Uint8Array(column.levels.length));
    const buttons = element(
      "p", { className: "every" },
      element("button", { type: "button", onclick: every(true) }, "All"), " ",
      element("button", { type: "button", onclick: every(false) }, "None"),
    );
    return {
      parts: [...(column.levels.length > 2 ? [buttons] : []), ...boxes.map(({ label }) => label).reverse()],
      sync: () => boxes.forEach(({ box, code }) => { box.checked = !column.filter || column.filter[code] === 1; }),
    };
  }

  function rangeFields(column) {
    const ends = [0, 1].map((end) =>
      element("input", {
        type: "number", step: "any", inputMode: "decimal",
        placeholder: number(end ? column.high : column.low),
        onchange: () => {
          const typed = ends.map(({ value }) => (value.trim() === "" ? null : Number(value)));
          if (typed.every((value) => value === null)) return apply(column, null);
          const low = typed[0] === null ? 0 : column.code(Math.max(typed[0], column.log ? column.low / 2 : -Infinity));
          const high = typed[1] === null ? LAST : column.code(Math.max(typed[1], column.log ? column.low / 2 : -Infinity));
          return apply(column, [low, Math.min(high, LAST)]);
        },
      }),
    );
    return {
      parts: [
        element("label", {}, "from ", ends[0]),
        element("label", {}, "to ", ends[1]),
        element("p", { className: "note" }, `${number(column.low)} to ${number(column.high)} in all runs`),
      ],
      sync: () => ends.forEach((input, end) => {
        if (document.activeElement === input) return;
        const code = column.filter && column.filter[end];
        input.value = column.filter === null ? "" : Number(column.value(Math.min(LAST, Math.max(0, code))).toPrecision(4));
      }),
    };
  }

  const groups = { run: "Runs", setting: "Settings", error: "Errors", cost: "Cost" };

  function buildControls() {
    for (const [group, title] of Object.entries(groups)) {
      const own = columns.filter((column) => column.group === group);
      if (!own.length) continue;
      const box = element("div", { className: "group", role: "group", "aria-label": title });
      box.append(element("span", { className: "title" }, title), ...own.map(control));
      byId("filters").append(box);
    }
    for (const [id, usual] of [["x", "time"], ["y", "mvm_error"]]) {
      const numbers = columns.filter((column) => !column.levels);
      const select = byId(id);
      select.append(...numbers.map((column) => element("option", { value: column.name }, column.title)));
      const start = numbers.find((column) => column.name === usual) ?? numbers.at(id === "x" ? -1 : 0);
      select.value = start.name;
      scatter[id] = start;
      select.addEventListener("change", () => {
        scatter[id] = numbers.find((column) => column.name === select.value);
        redraw();
      });
    }
    byId("order").addEventListener("change", drawTable);
    byId("save").addEventListener("click", save);
    byId("clear").addEventListener("click", () => {
      for (const column of columns) setFilter(column, null);
      redraw();
    });
    document.addEventListener("click", (event) => {
      for (const open of document.querySelectorAll("details.filter[open]"))
        if (!open.contains(event.target)) open.open = false;
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      for (const open of document.querySelectorAll("details.filter[open]")) {
        open.open = false;
        open.querySelector("summary").focus();
      }
    });
    byId("legend").append(
      ...methods.map((method) => {
        const swatch = element("canvas", { className: "swatch", "aria-hidden": "true" });
        method.swatch = swatch;
        return element("span", {}, swatch, ` ${method.label}`);
      }),
    );
  }

  function drawLegend() {
    for (const method of methods) {
      const context = fit(method.swatch, 14, 14);
      context.translate(7, 7);
      context.fillStyle = method.css;
      context.beginPath();
      (shapes[method.marker] ?? diamond)(context, 5);
      context.fill();
    }
  }

  // ---------------------------------------------------------------- the pointer

  /* Calls `move(start, now)` with places on the canvas while the pointer is held down, and `click`
     where it did not move. */
  function drags(canvas, { begin, move, click }) {
    let start = null, moved = false;
    const here = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = here(event);
      moved = false;
      if (begin && begin(start) === false) start = null;
      else canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!start) return;
      const now = here(event);
      moved ||= Math.hypot(now[0] - start[0], now[1] - start[1]) > 3;
      if (moved) move(start, now);
    });
    const end = () => {
      if (start && !moved) click(start);
      start = null;
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", () => { start = null; });
  }

  function brushAxes() {
    let column = null, held = null;
    const place = (y) => Math.min(1, Math.max(0, 1 - (y - axes.top) / axes.height));
    drags(axes.canvas, {
      begin: ([x, y]) => {
        const k = Math.round((x - axes.left) / axes.gap);
        if (!axes.shown[k] || Math.abs(x - axisX(k)) > Math.max(18, axes.gap / 3)) return false;
        column = axes.shown[k];
        const [low, high] = span(column), at = place(y);
        held = column.filter && at > low && at < high ? [low, high] : null; // moves, does not redraw
        return true;
      },
      move: ([, from], [, to]) => {
        let [low, high] = [place(from), place(to)].sort((one, other) => one - other);
        if (held) {
          const shift = Math.min(1 - held[1], Math.max(-held[0], place(to) - place(from)));
          [low, high] = [held[0] + shift, held[1] + shift];
        }
        apply(column, between(column, low, high));
      },
      click: () => apply(column, null),
    });
  }

  function between(column, low, high) {
    if (!column.levels) return [low * LAST, high * LAST];
    return Uint8Array.from(column.levels, (_, code) => {
      const at = column.place(code);
      return at >= low && at <= high ? 1 : 0;
    });
  }

  function brushScatter() {
    const shares = ([x, y]) => {
      const [left, top, width, height] = inside();
      const clip = (value) => Math.min(1, Math.max(0, value));
      return [clip((x - left) / width), clip(1 - (y - top) / height)];
    };
    drags(scatter.canvas, {
      move: (from, to) => {
        const [x0, y0] = shares(from), [x1, y1] = shares(to);
        setFilter(scatter.x, [Math.min(x0, x1) * LAST, Math.max(x0, x1) * LAST]);
        setFilter(scatter.y, [Math.min(y0, y1) * LAST, Math.max(y0, y1) * LAST]);
        redraw();
      },
      click: () => {
        setFilter(scatter.x, null);
        setFilter(scatter.y, null);
        redraw();
      },
    });
    const tip = byId("tip");
    scatter.canvas.addEventListener("pointermove", (event) => {
      const box = scatter.canvas.getBoundingClientRect();
      const near = event.buttons ? null : nearest(event.clientX - box.left, event.clientY - box.top);
      mark(near);
      tip.hidden = near === null;
      if (near === null) return;
      tip.replaceChildren(
        ...[...new Set([...axes.shown, scatter.x, scatter.y])].map((column) =>
          element("div", {}, `${column.title}: `, element("b", {}, column.text(column.codes[near]))),
        ),
      );
      const [x, y] = pointAt(near);
      tip.style.left = `${Math.min(x + 14, scatter.width - tip.offsetWidth - 4)}px`;
      tip.style.top = `${y + 14}px`;
    });
    scatter.canvas.addEventListener("pointerleave", () => { mark(null); tip.hidden = true; });
  }

  function nearest(x, y) {
    let found = null, least = 12 ** 2;
    const [left, top, width, height] = inside();
    const fx = width / LAST, fy = height / LAST;
    for (let i = 0; i < chosen.length; i++) {
      const k = chosen.rows[i];
      if (scatter.x.codes[k] === MISSING || scatter.y.codes[k] === MISSING) continue;
      const dx = left + scatter.x.codes[k] * fx - x, dy = top + (LAST - scatter.y.codes[k]) * fy - y;
      const distance = dx * dx + dy * dy;
      if (distance < least) [found, least] = [k, distance];
    }
    return found;
  }

  // ---------------------------------------------------------------- beginning

  /* Which columns are axes at first: what a run is, settings that differ, the error and its price. */
  function firstAxes() {
    const usual = ["weight_set", "method", "mvm_error", "time", "energy"];
    let settings = 0;
    for (const column of columns) {
      const varies = column.levels ? column.levels.length > 1 : column.high > column.low;
      if (column.group === "setting") column.axis = varies && settings++ < 7;
      else column.axis = varies && usual.includes(column.name);
    }
  }

  async function begin() {
    for (const about of study.columns) {
      const codes = await unpack(about.codes, Uint16Array);
      const column = new Column(about, codes);
      column.missing = codes.includes(MISSING);
      columns.push(column);
    }
    curves = await unpack(study.curves.codes, Uint8Array);
    const names = columns.find((column) => column.name === "method");
    const place = names.levels.map((text) => methods.findIndex((method) => method.label === text));
    methodOf = Uint8Array.from(names.codes, (code) => place[code]);
    everyone = chosen = partition(fails);
    firstAxes();
    buildControls();
    byId("explorer").hidden = false;
    const lay = () => { readColours(); drawLegend(); layAxes(); layScatter(); redraw(); };
    brushAxes();
    brushScatter();
    let wide = 0;
    new ResizeObserver(() => {
      if (wide !== (wide = byId("explorer").clientWidth)) lay();
    }).observe(byId("explorer"));
    scheme.addEventListener("change", lay);
    paper.addEventListener("change", () => { lay(); draw(); }); // no frame comes before a page is printed
  }

  begin().catch((error) => {
    byId("failed").hidden = false;
    console.error(error);
  });
})();
