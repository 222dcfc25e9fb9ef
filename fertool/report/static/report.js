// Draws each chart when it comes into view, in the colors that the stylesheet names for light and dark.
"use strict";
(() => {
  const charts = [...document.querySelectorAll("[data-chart]")];
  const legend = document.querySelector("[data-legend]");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const finger = matchMedia("(pointer: coarse)").matches;

  const color = (name) => {
    const style = getComputedStyle(document.documentElement);
    return style.getPropertyValue("--" + name).trim() || style.getPropertyValue("--other").trim();
  };

  const CLOCK = "%-H:%M:%S";

  // What all charts share: it would weigh more than the figures of many.
  function complete(figure) {
    word(figure);
    figure.layout = { margin: { l: 48, r: 12, t: 8, b: 34 }, showlegend: false, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", ...figure.layout };
    const { xaxis } = figure.layout;
    if (xaxis && xaxis.type === "date") {
      figure.layout.xaxis = { tickformat: CLOCK, hoverformat: CLOCK, tickangle: 0, showgrid: false, ...xaxis };
    }
    for (const trace of figure.data) {
      if (trace.type) continue; // a line
      const { raw } = trace.meta || {};
      trace.mode = "lines";
      trace.line = { width: raw ? 0.8 : 2, ...trace.line };
      if (raw) Object.assign(trace, { opacity: 0.25, hoverinfo: "skip" });
      else trace.hovertemplate = `${trace.name} %{y}%{text}<extra></extra>`; // the axis brings its unit
    }
  }

  // Behind the percentage of the highest line at each time, a word for it.
  function word({ data, layout }) {
    const lines = data.filter((it) => !it.type && !(it.meta || {}).raw);
    for (const line of lines) {
      line.text = line.y.map((value, i) => {
        if (!layout.meta || value === null || lines.some((it) => it.y[i] > value)) return "";
        return ", " + layout.meta.find(([least]) => value >= least)[1];
      });
    }
  }

  function paint(figure, width) {
    const { layout, data } = figure;
    layout.font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("quiet") };
    layout.dragmode = finger ? false : "zoom"; // a finger scrolls the page
    layout.hoverlabel = { bgcolor: color("surface"), bordercolor: color("line"), font: { color: color("text") } };
    for (const axis of ["xaxis", "yaxis", "yaxis2"]) {
      if (!layout[axis] && axis === "yaxis2") continue;
      layout[axis] = { ...layout[axis], gridcolor: color("grid"), linecolor: color("line"), zeroline: false };
    }
    if (layout.xaxis.type === "date") layout.xaxis.nticks = Math.max(3, Math.floor(width / 85));
    if (layout.xaxis.ticktext && width < 90 * layout.xaxis.ticktext.length) layout.xaxis.tickangle = -40;
    for (const trace of data) {
      const meta = trace.meta || {};
      if (meta.color) {
        trace.line = { ...trace.line, color: color(meta.color) };
        trace.marker = { ...trace.marker, color: color(meta.color) };
        trace.textfont = { color: color(meta.color) };
        for (const error of ["error_x", "error_y"]) {
          if (trace[error]) trace[error].color = color(meta.color);
        }
      }
      if (meta.bars && trace.type === "pie") {
        trace.marker = { colors: meta.bars.map(color), line: { color: color("surface"), width: 2 } };
      } else if (meta.bars) {
        trace.marker = { color: meta.bars.map(color) };
      }
      if (meta.heat) trace.colorscale = [[0, color("heat-0")], [1, color("heat-1")]];
    }
    for (const shape of layout.shapes || []) {
      shape.line = { ...shape.line, color: color(shape.name === "segment" ? "line" : shape.name) };
      if (shape.type === "rect") shape.fillcolor = color(shape.name === "segment" ? "heat-0" : "lost");
    }
    title(layout, width);
  }

  // A segment's title where the ribbon has room for it, else its number.
  function title(layout, width) {
    if (!layout.annotations) return;
    const [first, last] = layout.xaxis.range;
    const plot = (width - layout.margin.l - layout.margin.r) / (last - first);
    const rects = layout.shapes.filter((it) => it.name === "segment");
    layout.annotations.forEach((it, i) => {
      const room = (rects[i].x1 - rects[i].x0) * plot;
      it.text = room > 7 * it.name.length + 8 ? it.name : String(it.name).split(" ")[0];
      it.visible = room > 12;
      it.font = { color: color("text") };
      delete it.width;
    });
  }

  function choose(figure) {
    if (!legend) return;
    const on = (box) => !box || box.checked;
    const raw = on(legend.querySelector("[data-raw]"));
    for (const trace of figure.data) {
      const meta = trace.meta || {};
      if (!meta.emotion) continue;
      const box = [...legend.querySelectorAll("[data-emotion]")].find((it) => it.dataset.emotion === meta.emotion);
      trace.visible = on(box) && (raw || !meta.raw);
    }
  }

  function draw(element) {
    if (!element.figure) {
      element.figure = JSON.parse(document.getElementById(element.dataset.chart).textContent);
      complete(element.figure);
      element.figure.config = { displaylogo: false, responsive: true, displayModeBar: false, showTips: false };
    }
    paint(element.figure, element.clientWidth);
    choose(element.figure);
    const { data, layout, config } = element.figure;
    Plotly.react(element, data, layout, config);
  }

  const redraw = () => charts.filter((it) => it.figure).forEach(draw);
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "400px" });

  for (const chart of charts) {
    chart.style.minHeight = chart.dataset.height + "px"; // nothing jumps when it is drawn
    seen.observe(chart);
  }
  if (legend) {
    legend.hidden = false;
    legend.addEventListener("change", redraw);
  }
  dark.addEventListener("change", redraw);

  // Paper: everything drawn, in the colors for paper, and scaled to its width.
  function scale() {
    for (const chart of charts) {
      const { clientWidth: width, clientHeight: height } = chart.querySelector(".svg-container");
      chart.style.setProperty("--ratio", width / height);
      for (const svg of chart.querySelectorAll(".main-svg")) {
        svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
      }
    }
  }
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    charts.forEach(draw);
    scale();
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    for (const svg of document.querySelectorAll(".chart .main-svg")) svg.removeAttribute("viewBox");
    redraw();
  });
})();
