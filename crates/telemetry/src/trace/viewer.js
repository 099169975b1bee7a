// The page as a whole: what is chosen, what is shown, and the keys.
(() => {
  const get = (id) => document.getElementById(id);
  const run = JSON.parse(get("run").textContent);
  run.byId = new Map(run.steps.map((step) => [step.id, step]));
  run.users = new Map(run.steps.map((step) => [step.id, []]));
  for (const step of run.steps) {
    step.inputs = step.inputs.filter((id) => run.byId.has(id));
    for (const input of step.inputs) run.users.get(input).push(step.id);
  }
  const elapsed = Math.max(1, ...run.steps.map((step) => step.end ?? step.log.at(-1)?.[1] ?? step.start));
  const critical = criticalPath();
  let view = "timeline";
  let selected = null;

  // The chain of steps, each using the one before, that took longest.
  function criticalPath() {
    const best = new Map();
    let last = null;
    for (const step of run.steps) {
      const own = step.state === "cached" ? 0 : (step.end ?? elapsed) - step.start;
      const before = step.inputs.reduce((most, id) => ((best.get(id)?.total ?? -1) > (best.get(most)?.total ?? -1) ? id : most), null);
      best.set(step.id, { total: own + (best.get(before)?.total ?? 0), before });
      if (last === null || best.get(step.id).total > best.get(last).total) last = step.id;
    }
    const path = new Set();
    for (let id = last; id !== null && !path.has(id); id = best.get(id).before) path.add(id);
    return path;
  }

  function shown() {
    const words = get("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const only = get("only").value;
    return run.steps.filter((step) => {
      const label = step.label.toLowerCase();
      if (!words.every((word) => label.includes(word))) return false;
      if (only === "ran") return step.state !== "cached";
      if (only === "critical") return critical.has(step.id);
      return !only || step.state === only;
    });
  }

  function draw() {
    const context = { run, selected, critical, choose, elapsed };
    get("timeline").hidden = view !== "timeline";
    get("graph").hidden = view !== "graph";
    for (const name of ["timeline", "graph"]) get(`show-${name}`).setAttribute("aria-selected", String(view === name));
    const list = shown();
    if (view === "timeline") Timeline.show(list, context);
    else if (list.length) Graph.show(list, context);
    else get("graph").replaceChildren(Text.element("p", { className: "dim" }, "No step is like that."));
  }

  function choose(id) {
    selected = id;
    history.replaceState(null, "", `#step=${id}`);
    draw();
    if (view === "timeline") Timeline.reveal(shown().findIndex((step) => step.id === id));
    else Graph.reveal(id);
    detail(run.byId.get(id));
  }

  function moved(step) {
    const seconds = ((step.end ?? elapsed) - step.start) / 1e9;
    return `${Text.bytes(step.bytes)}${step.bytes && seconds > 0 ? `, ${Text.bytes(Math.round(step.bytes / seconds))}/s` : ""}`;
  }

  function detail(step) {
    const facts = Text.element("dl", {});
    const fact = (name, ...value) => facts.append(Text.element("dt", {}, name), Text.element("dd", {}, ...value));
    const link = (id) => {
      const other = run.byId.get(id);
      const made = Text.element("button", { title: other.label }, `${Text.states[other.state].mark} ${other.label}`);
      made.addEventListener("click", () => choose(id));
      return made;
    };
    const state = Text.states[step.state];
    const exit = step.exit_code === undefined ? "" : `, exit code ${step.exit_code}`;
    fact("state", Text.element("span", { className: step.state }, `${state.mark} ${state.word}${exit}`));
    fact("began", `${Text.duration(step.start)} after the start`);
    if (step.end !== undefined && step.state !== "cached") fact("took", Text.duration(step.end - step.start));
    if (step.reason) fact(step.state === "cached" ? "cached because" : "ran because", step.reason);
    if (step.saved !== undefined) fact("saved", Text.duration(step.saved));
    if (step.spared > (step.saved ?? 0)) fact("saved with it", `${Text.duration(step.spared - (step.saved ?? 0))} of steps before it`);
    if (step.bytes !== undefined) fact("moved", moved(step));
    if (step.files !== undefined) fact("files", String(step.files));
    if (step.usage) {
      const { user_ns: user, system_ns: system, memory_bytes: memory, read_bytes: read = 0, write_bytes: write = 0 } = step.usage;
      fact("processor", `${Text.duration(user + system)} (${Text.duration(system)} of it in the kernel)`);
      if (memory) fact("memory", `${Text.bytes(memory)} at most`);
      if (read || write) fact("disk", `${Text.bytes(read)} read, ${Text.bytes(write)} written`);
    }
    if (critical.has(step.id)) fact("critical path", "yes");
    if (step.inputs.length) fact("used", ...step.inputs.map(link));
    const users = run.users.get(step.id);
    if (users.length) fact("used by", ...users.slice(0, 50).map(link), users.length > 50 ? `and ${users.length - 50} more` : "");
    const parts = [Text.element("h2", {}, step.label), facts];
    if (step.message) parts.push(Text.element("pre", { className: "error" }, step.message));
    if (step.log.length || step.left_out) parts.push(log(step));
    else if (step.state === "cached") parts.push(Text.element("p", { className: "dim" }, "It did not run, so it wrote nothing."));
    get("detail").replaceChildren(...parts);
  }

  function log(step) {
    const made = Text.element("pre", { id: "log", tabIndex: 0 });
    if (step.left_out) made.append(Text.element("span", { className: "at" }, `left out before these: ${Text.count(step.left_out, "line")}\n`));
    for (const [stream, time, text] of step.log) {
      const at = ((time - step.start) / 1e9).toFixed(3).padStart(8);
      made.append(Text.element("span", { className: "at" }, `${at}  `), Text.element("span", { className: stream }, `${text}\n`));
    }
    return made;
  }

  function go(by) {
    const list = shown();
    if (!list.length) return;
    const now = list.findIndex((step) => step.id === selected);
    choose(list[Math.max(0, Math.min(list.length - 1, now + by))].id);
  }

  function nextFailed() {
    const list = shown();
    const now = list.findIndex((step) => step.id === selected);
    const found = [...list.slice(now + 1), ...list.slice(0, now + 1)].find((step) => step.state === "failed");
    if (found) choose(found.id);
  }

  function switchTo(name) {
    view = name;
    draw();
    if (selected !== null && view === "graph") Graph.reveal(selected);
  }

  const first = (ids) => ids.length && choose(ids[0]);
  const keys = {
    j: () => go(1),
    ArrowDown: () => go(1),
    k: () => go(-1),
    ArrowUp: () => go(-1),
    f: nextFailed,
    "[": () => selected !== null && first(run.byId.get(selected).inputs),
    "]": () => selected !== null && first(run.users.get(selected)),
    t: () => switchTo("timeline"),
    g: () => switchTo("graph"),
    "+": () => Timeline.zoom(0.5),
    "=": () => Timeline.zoom(0.5),
    "-": () => Timeline.zoom(2),
    0: () => Timeline.zoom(0),
    ArrowLeft: () => Timeline.move(-1),
    ArrowRight: () => Timeline.move(1),
    "/": () => get("filter").focus(),
    "?": () => get("keys").showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || get("keys").open) return;
    if (event.target.matches("input, select")) {
      if (event.key === "Escape") Timeline.focus();
      return;
    }
    if (Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  get("filter").addEventListener("input", draw);
  get("only").addEventListener("change", draw);
  get("show-timeline").addEventListener("click", () => switchTo("timeline"));
  get("show-graph").addEventListener("click", () => switchTo("graph"));
  get("help").addEventListener("click", () => get("keys").showModal());
  get("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  });

  const count = (state) => run.steps.filter((step) => step.state === state).length;
  const saved = run.steps.reduce((sum, step) => sum + (step.spared ?? step.saved ?? 0), 0);
  const facts = [new Date(run.run.started_ns / 1e6).toLocaleString(), Text.duration(elapsed), Text.count(run.counts.steps, "step")];
  if (run.counts.transfers) facts.push(Text.count(run.counts.transfers, "transfer"));
  for (const state of ["cached", "failed", "cancelled", "unfinished"]) {
    if (count(state)) facts.push(`${count(state)} ${Text.states[state].word}`);
  }
  if (saved) facts.push(`${Text.duration(saved)} saved by the cache`);
  const used = run.steps.flatMap((step) => step.usage ?? []);
  if (used.length) {
    facts.push(`${Text.duration(used.reduce((sum, usage) => sum + usage.user_ns + usage.system_ns, 0))} of processor time`);
    const most = Math.max(...used.map((usage) => usage.memory_bytes ?? 0));
    if (most) facts.push(`${Text.bytes(most)} of memory at most in one step`);
  }
  const transferred = run.steps.reduce((sum, step) => sum + (step.bytes ?? 0), 0);
  if (transferred) facts.push(`${Text.bytes(transferred)} moved`);
  facts.push(`kukri ${run.run.version}`);
  get("command").textContent = run.run.command || run.run.id;
  get("facts").textContent = facts.join(" · ");
  get("messages").hidden = !run.messages.length;
  get("messages").append(...run.messages.map((text) => Text.element("li", {}, text)));
  const wanted = /^#step=(\d+)$/.exec(location.hash);
  const start = wanted && run.byId.has(Number(wanted[1])) ? run.byId.get(Number(wanted[1])) : run.steps.find((step) => step.state === "failed");
  draw();
  if (start) choose(start.id);
})();
