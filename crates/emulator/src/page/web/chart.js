// A line chart that moves: the latest two minutes, as SVG.

import { el, say } from "./dom.js";

const WIDTH = 480;
const HEIGHT = 100;
/** Points that the width is for at least: what there is of the first half minute would else be a stroke at the edge. */
const FEWEST = 30;
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/**
 * A chart of one or two series. `draw` is given the points of each; a point that is not known is null. The scale goes to `least` at
 * least. Without digits, points are shown to three of them.
 */
export function chart({ id, title, hint, unit, series, least = 1 }) {
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": title });
  for (const y of [1, HEIGHT / 2, HEIGHT - 1]) picture.append(svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: y, y2: y }));
  const lines = series.map((_, at) => svg("path", { class: at ? "series second" : "series" }));
  picture.append(...lines);
  const top = el("span", {}, "no value yet");
  const legend = el("p", { class: "legend" }, ...series.flatMap((name, at) => [el("b", { class: at ? "second" : "" }, name), at + 1 < series.length ? " and " : ""]));
  const element = el("article", { class: "chart", id: `chart-${id}` }, el("header", {}, el("strong", {}, title, hint ? el("small", {}, ` ${hint}`) : ""), top), picture, legend);

  function draw(points, digits) {
    const known = points.flat().filter((point) => point != null);
    const highest = scale(Math.max(...known, least));
    lines.forEach((line, at) => line.setAttribute("d", path(points[at], highest)));
    const latest = points.map((one) => one.findLast((point) => point != null)).map((point) => (point == null ? "none" : digits == null ? String(Number(point.toPrecision(3))) : point.toFixed(digits)));
    if (known.length === 0) {
      say(top, "no value yet");
      return;
    }
    // Five and more: a line that can be seen.
    element.dataset.points = Math.min(5, points[0].length);
    say(top, `${latest.join(" and ")} ${unit}, scale to ${highest}`);
    picture.setAttribute("aria-label", `${title}: ${latest.join(" and ")} ${unit}`);
  }
  return { element, draw };
}

/** 1, 2 or 5 times a power of ten. */
function scale(highest) {
  const power = 10 ** Math.floor(Math.log10(highest));
  // What is no power of two is not exact: 2 times 0.01 would be written with all its digits.
  return [1, 2, 5, 10].map((step) => Number((step * power).toPrecision(1))).find((step) => step >= highest);
}

function path(points, highest) {
  const width = Math.max(FEWEST, points.length) - 1;
  const from = width + 1 - points.length;
  let pen = "M";
  return points.map((point, at) => {
    if (point == null) {
      pen = "M";
      return "";
    }
    const x = ((from + at) * WIDTH) / width;
    const y = HEIGHT - 2 - (Math.min(point, highest) / highest) * (HEIGHT - 4);
    const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
}
