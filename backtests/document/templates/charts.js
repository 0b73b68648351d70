"use strict";
// Live charts over the static drawings: one range of time and one cursor for all.
addEventListener("DOMContentLoaded", () => {
  const { dates, charts } = JSON.parse(document.getElementById("chart-data").textContent);
  const DAY = 86400, YEAR = 365.25 * DAY;
  const summed = (differences, step) => {
    let sum = 0;
    return differences.map(each => each === null ? null : (sum += each) * step);
  };
  const times = dates.map(each => summed(each, DAY));
  const first = Math.min(...times.map(each => each[0])), last = Math.max(...times.map(each => each[each.length - 1]));
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const day = time => new Date(time * 1000).toISOString().slice(0, 10);
  const drawn = new Set();
  let range = [first, last];

  // As backtests/document/formats.py writes it; a tick has no more decimals than it needs.
  function shown(value, form, tick) {
    if (value === null || value === undefined) return "–";
    const [scale, digits, unit] = { percent: [100, 1, "%"], percent2: [100, 2, "%"], signed: [100, 1, "%"], number: [1, 2, ""],
      ratio: [1, 3, ""], bps: [1, 1, ""], integer: [1, 0, ""], money: [1, 0, ""], multiple: [1, 2, "×"] }[form] || [1, 2, ""];
    const options = tick ? { maximumSignificantDigits: 6 } : { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return (value * scale).toLocaleString("en-US", options).replace("-", "−") + unit;
  }

  function ticks(low, high, log) {
    if (log && high / low > 3) {
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
        for (const step of high / low > 100 ? [1] : [1, 2, 5]) found.push(Number((step * 10 ** power).toPrecision(6)));
      return found.filter(each => each >= low && each <= high);
    }
    const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 2.5, 5, 10].find(each => each * power >= raw);
    const found = [];
    for (let each = Math.ceil(low / step); each * step <= high + step * 1e-9; each++) found.push(Number((each * step).toPrecision(12)));
    return found;
  }

  class Chart {
    constructor(figure, spec) {
      Object.assign(this, { figure, spec, log: spec.log, base: -1, times: times[spec.dates] });
      this.lines = spec.lines.map(line => ({ ...line, values: summed(line.values, line.step) }));
      this.box = document.createElement("div");
      this.box.className = "live";
      figure.querySelector("svg.chart").before(this.box);
      figure.classList.add("is-live");
      this.legend();
      this.controls();
      this.draw();
      new ResizeObserver(() => { if (this.box.clientWidth !== this.plot.width) this.plot.setSize(this.size()); }).observe(this.box);
      drawn.add(this);
    }

    size() {
      const width = this.box.clientWidth;
      return { width, height: Math.round(Math.min(340, Math.max(130, width * 0.38))) };
    }

    // Each entry of the legend hides its line, and shows its value under the pointer.
    legend() {
      this.at = document.createElement("output");
      this.at.className = "at";
      this.figure.querySelector("figcaption").append(this.at);
      this.figure.querySelectorAll(".legend li").forEach((item, place) => {
        const line = this.lines[place], button = document.createElement("button");
        if (!line) return;  // what is shaded
        button.type = "button";
        button.setAttribute("aria-pressed", String(!line.off));
        button.append(...item.childNodes);
        line.output = document.createElement("output");
        item.hidden = false;
        item.append(button, line.output);
        button.addEventListener("click", () => {
          line.off = !line.off;
          button.setAttribute("aria-pressed", String(!line.off));
          this.draw();
        });
      });
    }

    controls() {
      const bar = document.createElement("div");
      bar.className = "controls";
      if (!this.spec.rebase) return;
      if (this.spec.log) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = "Logarithmic";
        button.setAttribute("aria-pressed", "true");
        button.addEventListener("click", () => {
          this.log = !this.log;
          button.setAttribute("aria-pressed", String(this.log));
          this.draw();
        });
        bar.append(button);
      }
      const label = document.createElement("label"), select = document.createElement("select");
      select.append(new Option("nothing", "-1"), ...this.lines.filter(line => !line.mark).map((line, place) => new Option(line.label, place)));
      select.addEventListener("change", () => { this.base = Number(select.value); this.draw(); });
      label.append("Relative to ", select);
      bar.append(label);
      this.box.before(bar);
    }

    // The values to show: layers stacked from below, lines over their base, nothing where hidden.
    values() {
      const base = this.base < 0 ? null : this.lines[this.base].values;
      let below = this.times.map(() => 0);
      return this.lines.map(line => {
        if (line.off) return this.times.map(() => null);
        if (this.spec.area) return (below = below.map((sum, place) => sum + (line.values[place] ?? 0)));
        return base ? line.values.map((value, place) => value === null || !base[place] ? null : value / base[place]) : line.values;
      });
    }

    draw() {
      const { spec } = this, values = this.values();
      // Lower layers are painted over the higher; the first line over the others.
      const order = this.lines.map((_, place) => place).reverse();
      const axis = { stroke: () => css("--soft"), font: "11px system-ui, sans-serif", ticks: { show: false }, gap: 4 };
      const least = spec.least || 0;
      this.plot?.destroy();
      this.plot = new uPlot({
        ...this.size(),
        legend: { show: false },
        padding: [8, 10, 0, 0],
        cursor: {
          y: false,
          drag: { x: true, y: false, setScale: false },
          sync: { key: "charts", setSeries: false, scales: ["x", null] },
          bind: { dblclick: () => () => { zoom(first, last); } },
          ...(spec.area ? { points: { show: false } } : {}),
        },
        scales: {
          x: { time: true, range: () => range },
          y: {
            distr: this.log ? 3 : 1,
            range: (_, low, high) => {
              if (low === null) return [0, 1];
              if (spec.area) return [0, Math.max(high, .01)];
              if (this.log) return [low / 1.03, high * 1.03];
              const pad = Math.max((high - low) * .04, (least - high + low) / 2, 1e-9);
              return [low - pad, spec.fill ? Math.max(high, 0) : high + pad];
            },
          },
        },
        axes: [
          { ...axis, size: 26, space: 44, grid: { show: false }, values: (_, splits) => this.dateLabels(splits) },
          { ...axis, size: 52, grid: { stroke: () => css("--grid"), width: 1 },
            splits: (_, __, low, high) => ticks(low, high, this.log), filter: (_, splits) => splits,
            values: (_, splits) => splits.map(each => shown(each, spec.form, true)) },
        ],
        series: [{}, ...order.map(place => this.series(this.lines[place], place))],
        hooks: {
          setSelect: [plot => {
            const { left, width } = plot.select;
            if (width > 4) zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
            plot.setSelect({ left: 0, width: 0 }, false);
          }],
          setCursor: [plot => this.say(plot.cursor.idx)],
          drawClear: [plot => this.shade(plot)],
          drawAxes: [plot => this.rule(plot)],
        },
      }, [this.times, ...order.map(place => values[place])], this.box);
    }

    series(line, place) {
      const color = () => css(line.color);
      if (line.mark) return { stroke: color, paths: () => null, points: { show: true, size: 6, width: 1.3, fill: () => css("--page") } };
      if (this.spec.area) return { stroke: () => css("--page"), width: .5, fill: color, points: { show: false } };
      const tint = this.spec.fill && place === 0 ? () => css(line.color) + "24" : undefined;
      return { stroke: color, width: place === 0 ? 2 : 1.3, dash: line.dash, fill: tint, fillTo: 0, spanGaps: false, points: { show: false } };
    }

    shade(plot) {
      const { left, top, width, height } = plot.bbox;
      const at = day => Math.min(left + width, Math.max(left, plot.valToPos(day * DAY, "x", true)));
      plot.ctx.save();
      plot.ctx.globalAlpha = .45;
      plot.ctx.fillStyle = css("--series-cash");
      for (const [begin, end] of this.spec.shade || []) plot.ctx.fillRect(at(begin), top, at(end) - at(begin), height);
      plot.ctx.restore();
    }

    rule(plot) {
      const value = this.base < 0 ? this.spec.rule : 1;
      if (value === null || value === undefined) return;
      const y = Math.round(plot.valToPos(value, "y", true)), { left, top, width, height } = plot.bbox;
      if (y < top || y > top + height) return;
      plot.ctx.save();
      plot.ctx.strokeStyle = css("--soft");
      plot.ctx.lineWidth = 1;
      plot.ctx.beginPath();
      plot.ctx.moveTo(left, y);
      plot.ctx.lineTo(left + width, y);
      plot.ctx.stroke();
      plot.ctx.restore();
    }

    dateLabels(splits) {
      const [low, high] = range, years = (high - low) / YEAR;
      const labels = splits.map(each => day(each).slice(0, years > 4 ? 4 : years > .4 ? 7 : 10));
      return labels.map((label, place) => label === labels[place - 1] ? "" : label);
    }

    say(place) {
      const known = place !== null && place !== undefined;
      this.at.textContent = known ? day(this.times[place]) : "";
      const base = this.base < 0 ? null : this.lines[this.base].values;
      for (const line of this.lines) {
        const value = known && !line.off ? line.values[place] : null;
        line.output.textContent = value === null ? "" : shown(base ? value / base[place] : value, base ? "multiple" : this.spec.form);
      }
    }
  }

  function zoom(low, high) {
    const middle = (low + high) / 2, half = Math.max((high - low) / 2, 5 * DAY);
    range = [Math.max(first, middle - half), Math.min(last, middle + half)];
    span.textContent = `${day(range[0])} to ${day(range[1])}`;
    span.hidden = range[0] === first && range[1] === last;
    for (const chart of drawn) chart.plot.setScale("x", { min: range[0], max: range[1] });
  }

  function yearsBefore(time, years) {
    const date = new Date(time * 1000);
    return date.setUTCFullYear(date.getUTCFullYear() - years) / 1000;
  }

  const bar = document.createElement("div"), span = document.createElement("output");
  bar.className = "ranges";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Range of time of all charts");
  for (const [label, years] of [["1 year", 1], ["3 years", 3], ["5 years", 5], ["10 years", 10], ["All", Infinity]]) {
    if (years !== Infinity && years * YEAR > last - first) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => years === Infinity ? zoom(first, last) : zoom(yearsBefore(range[1], years), range[1]));
    bar.append(button);
  }
  bar.prepend("Charts ");
  bar.append(span);
  document.querySelector("main").before(bar);
  zoom(first, last);

  const nearby = new IntersectionObserver(entries => {
    for (const entry of entries) if (entry.isIntersecting) {
      nearby.unobserve(entry.target);
      new Chart(entry.target, charts[entry.target.dataset.chart]);
    }
  }, { rootMargin: "400px" });
  document.querySelectorAll("figure[data-chart]").forEach(figure => nearby.observe(figure));

  const repaint = () => drawn.forEach(chart => chart.plot.redraw());
  new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
});
