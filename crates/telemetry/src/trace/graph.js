// Which step used the result of which: layers from left to right.
const Graph = (() => {
  const MOST = 400;
  const [WIDTH, HEIGHT, GAP_X, GAP_Y] = [210, 38, 60, 14];
  const place = document.getElementById("graph");

  function svg(name, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // The chosen step with all that it used and all that used it, nearest first, as many as can be read.
  function around(run, id) {
    const near = new Set([id]);
    let edge = [id];
    while (edge.length && near.size < MOST) {
      const next = [];
      for (const step of edge) {
        for (const other of [...run.byId.get(step).inputs, ...run.users.get(step)]) {
          if (!near.has(other) && near.size < MOST) {
            near.add(other);
            next.push(other);
          }
        }
      }
      edge = next;
    }
    return near;
  }

  // Column: one more than the last of its inputs. Row: the middle of its inputs' rows, else the next one below it that is
  // free: so chains are straight lines.
  function layout(steps, shown) {
    const columns = [];
    const places = new Map();
    for (const step of steps) {
      const inputs = step.inputs.filter((id) => shown.has(id) && places.has(id)).map((id) => places.get(id));
      const column = Math.max(-1, ...inputs.map((input) => input.column)) + 1;
      const at = { id: step.id, column, inputs, wish: 0, row: 0 };
      places.set(step.id, at);
      (columns[column] ??= []).push(at);
    }
    let rows = 0;
    for (const column of columns) {
      column.forEach((at, place) => {
        const sum = at.inputs.reduce((sum, input) => sum + input.row, 0);
        at.wish = at.inputs.length ? sum / at.inputs.length : place;
      });
      column.sort((one, other) => one.wish - other.wish);
      let free = 0;
      for (const at of column) {
        at.row = Math.max(free, Math.round(at.wish));
        free = at.row + 1;
      }
      rows = Math.max(rows, free);
    }
    return { places, columns: columns.length, rows };
  }

  function show(list, context) {
    const { run, selected, critical, choose } = context;
    let steps = list;
    let note = "";
    if (steps.length > MOST) {
      const near = around(run, selected ?? steps[0].id);
      steps = steps.filter((step) => near.has(step.id));
      note = `${list.length} steps are too many to read: these are the ${steps.length} nearest to the chosen one.`;
    }
    const shown = new Set(steps.map((step) => step.id));
    const { places, columns, rows } = layout(steps, shown);
    const x = (at) => 16 + at.column * (WIDTH + GAP_X);
    const y = (at) => 16 + at.row * (HEIGHT + GAP_Y);
    const edges = [];
    const nodes = [];
    for (const step of steps) {
      const at = places.get(step.id);
      for (const input of step.inputs) {
        const other = places.get(input);
        if (!other) continue;
        const [x1, y1, x2, y2] = [x(other) + WIDTH, y(other) + HEIGHT / 2, x(at), y(at) + HEIGHT / 2];
        const near = step.id === selected || input === selected ? " near" : "";
        const worst = critical.has(step.id) && critical.has(input) ? " critical" : "";
        const d = `M${x1} ${y1}C${x1 + GAP_X / 2} ${y1} ${x2 - GAP_X / 2} ${y2} ${x2} ${y2}`;
        edges.push(svg("path", { class: `edge${near}${worst}`, d }));
      }
      nodes.push(node(step, x(at), y(at), step.id === selected, choose));
    }
    const size = { width: 32 + columns * (WIDTH + GAP_X), height: 32 + rows * (HEIGHT + GAP_Y) };
    const picture = svg("svg", { ...size, role: "listbox", "aria-label": "Steps by what they used" }, ...edges, ...nodes);
    place.replaceChildren(...(note ? [Text.element("p", { className: "dim" }, note)] : []), picture);
  }

  function node(step, x, y, isSelected, choose) {
    const state = Text.states[step.state];
    const label = Text.cut(step.label, 29);
    const took = step.end === undefined || step.state === "cached" ? state.word : `${state.word} · ${Text.duration(step.end - step.start)}`;
    const made = svg(
      "g",
      { class: `node ${step.state}`, transform: `translate(${x} ${y})`, role: "option", tabindex: "0", "data-id": step.id, "aria-selected": String(isSelected) },
      svg("title", {}, `${step.label} (${state.word})`),
      svg("rect", { width: WIDTH, height: HEIGHT, rx: 5 }),
      svg("text", { x: 8, y: 16 }, label),
      svg("text", { x: 8, y: 30, class: "when" }, `${state.mark} ${took}`),
    );
    made.addEventListener("click", () => choose(step.id));
    made.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") choose(step.id);
    });
    return made;
  }

  function reveal(id) {
    place.querySelector(`[data-id="${id}"]`)?.scrollIntoView({ block: "center", inline: "nearest" });
  }

  return { show, reveal };
})();
