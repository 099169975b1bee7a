// Steps below each other, each with its bar on a common axis. Only the rows in sight exist, so that tens of thousands of
// steps scroll as well as ten.
const Timeline = (() => {
  const ROW = 24;
  const rows = document.getElementById("rows");
  const space = document.getElementById("space");
  const axis = document.getElementById("axis");
  const load = document.getElementById("load");
  const BINS = 200;
  // Share of the width that names have, as in the style.
  const NAMES = 0.38;
  let steps = [];
  let selected = null;
  let whole = 1;
  let from = 0;
  let to = 1;
  let critical = new Set();
  let choose = () => {};

  function show(list, context) {
    ({ selected, critical, choose } = context);
    if (whole !== context.elapsed) {
      whole = Math.max(context.elapsed, 1);
      [from, to] = [0, whole];
    }
    steps = list;
    space.style.height = `${steps.length * ROW}px`;
    view();
  }

  function draw() {
    const first = Math.max(0, Math.floor(rows.scrollTop / ROW) - 4);
    const last = Math.min(steps.length, Math.ceil((rows.scrollTop + rows.clientHeight) / ROW) + 4);
    const shown = [];
    for (let place = first; place < last; place += 1) shown.push(row(steps[place], place));
    space.replaceChildren(...shown);
    rows.setAttribute("aria-activedescendant", selected === null ? "" : `row-${selected}`);
    ticks();
  }

  function view() {
    draw();
    busy();
  }

  function row(step, place) {
    const state = Text.states[step.state];
    const end = step.end ?? whole;
    const at = (time) => (100 * (time - from)) / (to - from);
    const bar = Text.element("span", { className: `span ${step.state}${critical.has(step.id) ? " critical" : ""}` });
    bar.style.left = `${at(step.start)}%`;
    bar.style.width = `${Math.max(0, at(end) - at(step.start))}%`;
    const took = Text.element("span", { className: "took" }, step.state === "cached" ? "cached" : Text.duration(end - step.start));
    // To the right of the bar, or to the left of it where there is no room.
    if (at(end) < 85) took.style.left = `calc(${Math.max(0, at(end))}% + 2px)`;
    else took.style.right = `calc(${100 - Math.max(0, at(step.start))}% + 2px)`;
    const made = Text.element(
      "div",
      { className: "row", id: `row-${step.id}`, role: "option", title: `${step.label} (${state.word})` },
      Text.element(
        "span",
        { className: "name" },
        Text.element("span", { className: `mark ${step.state}` }, state.mark),
        ` ${step.label}`,
      ),
      Text.element("span", { className: "lane" }, bar, took),
    );
    made.style.top = `${place * ROW}px`;
    made.setAttribute("aria-selected", String(step.id === selected));
    made.setAttribute("aria-setsize", String(steps.length));
    made.setAttribute("aria-posinset", String(place + 1));
    made.addEventListener("click", () => choose(step.id));
    return made;
  }

  // Five to ten ticks at round times.
  function ticks() {
    const rough = (to - from) / 6;
    const power = 10 ** Math.floor(Math.log10(rough));
    const unit = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
    const made = [];
    // Where the lanes are, which may have a scroll bar beside them.
    for (const above of [axis, load]) {
      above.style.marginLeft = `${NAMES * rows.clientWidth}px`;
      above.style.marginRight = `${rows.offsetWidth - rows.clientWidth}px`;
    }
    const room = axis.clientWidth;
    for (let time = Math.ceil(from / unit) * unit; time <= to; time += unit) {
      const at = (time - from) / (to - from);
      // What would be cut off says nothing.
      const label = time === 0 ? "0" : Text.duration(time);
      const tick = Text.element("span", {}, room * (1 - at) < 8 * label.length ? "" : label);
      tick.style.left = `${100 * at}%`;
      made.push(tick);
    }
    axis.replaceChildren(...made);
  }

  // How many processors the steps kept busy: what each cost, spread over the time that it took.
  function busy() {
    const used = steps.filter((step) => step.usage && step.end > step.start);
    load.hidden = !used.length;
    if (load.hidden) return;
    const sums = new Float64Array(BINS + 1);
    const bin = (to - from) / BINS;
    for (const step of used) {
      const share = (step.usage.user_ns + step.usage.system_ns) / (step.end - step.start);
      const [first, last] = [(step.start - from) / bin, (step.end - from) / bin];
      for (let at = Math.max(0, Math.floor(first)); at < Math.min(BINS, last); at += 1) {
        sums[at] += share * (Math.min(at + 1, last) - Math.max(at, first));
      }
    }
    const most = Math.max(...sums);
    const height = (at) => (most ? 30 - (28 * sums[at]) / most : 30).toFixed(2);
    let line = "M0 30";
    for (let at = 0; at < BINS; at += 1) line += `V${height(at)}H${at + 1}`;
    load.querySelector("path").setAttribute("d", `${line}V30Z`);
    load.querySelector("span").textContent = `${most.toFixed(1)} processors at most`;
  }

  // factor < 1: closer. Around the chosen step, if it is in sight.
  function zoom(factor) {
    if (factor === 0) [from, to] = [0, whole];
    else {
      const step = steps.find((candidate) => candidate.id === selected);
      const middle = step && step.start >= from && step.start <= to ? step.start : (from + to) / 2;
      const width = Math.min(whole, Math.max((to - from) * factor, 1e3));
      from = Math.max(0, Math.min(whole - width, middle - width / 2));
      to = from + width;
    }
    view();
  }

  function move(direction) {
    const by = Math.max(-from, Math.min(whole - to, (direction * (to - from)) / 4));
    [from, to] = [from + by, to + by];
    view();
  }

  function reveal(place) {
    const top = place * ROW;
    const far = top < rows.scrollTop - ROW || top > rows.scrollTop + rows.clientHeight;
    if (far) rows.scrollTop = top - (rows.clientHeight - ROW) / 2;
    else if (top < rows.scrollTop) rows.scrollTop = top;
    else if (top + ROW > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + ROW - rows.clientHeight;
  }

  rows.addEventListener("scroll", draw);
  window.addEventListener("resize", draw);
  return { show, zoom, move, reveal, focus: () => rows.focus() };
})();
