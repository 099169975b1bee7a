// Numbers and states in words.
const Text = (() => {
  const states = {
    ok: { mark: "✓", word: "done" },
    cached: { mark: "●", word: "cached" },
    failed: { mark: "✗", word: "failed" },
    cancelled: { mark: "○", word: "cancelled" },
    unfinished: { mark: "…", word: "not finished" },
  };

  function duration(ns) {
    if (ns < 1e6) return `${(ns / 1e3).toFixed(0)} µs`;
    if (ns < 1e9) return `${(ns / 1e6).toFixed(ns < 1e7 ? 1 : 0)} ms`;
    if (ns < 60e9) return `${(ns / 1e9).toFixed(ns < 10e9 ? 2 : 1)} s`;
    const seconds = Math.floor(ns / 1e9);
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return parts[0] ? `${parts[0]} h ${parts[1]} min` : `${parts[1]} min ${parts[2]} s`;
  }

  function bytes(count) {
    const units = ["bytes", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (count >= 1000 && unit < units.length - 1) {
      count /= 1000;
      unit += 1;
    }
    return `${unit ? count.toFixed(1) : count} ${units[unit]}`;
  }

  function count(number, what) {
    return `${number} ${what}${number === 1 ? "" : "s"}`;
  }

  // As much of a text as fits into so many columns: characters of East Asia and pictures take two, no character is cut.
  function cut(text, columns) {
    const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
    let used = 0;
    let kept = "";
    for (const one of text) {
      used += wide.test(one) ? 2 : 1;
      if (used > columns) return `${kept}…`;
      if (used < columns) kept += one;
    }
    return text;
  }

  // An element with text in it. What commands wrote is only ever set as text.
  function element(name, properties, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties || {})) {
      if (key in made) made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  return { states, duration, bytes, count, cut, element };
})();
