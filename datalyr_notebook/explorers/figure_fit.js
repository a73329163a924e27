// Keeps the explorer's figure as wide as its cell. plotly measures a figure before it is laid out, takes that width
// over into the layout at the first change of it, and then no longer looks at the cell.
function render({ el }) {
  el.style.width = "100%";
  const known = new WeakSet();
  let asked = 0;

  const fit = () => {
    const box = el.closest(".widget-vbox");
    let isOff = false;
    for (const figure of box ? box.querySelectorAll(".js-plotly-plot") : []) {
      if (!figure._fullLayout || !figure.clientWidth) continue;
      if (!known.has(figure)) {
        known.add(figure);
        figure.on("plotly_afterplot", soon);
      }
      if (Math.abs(figure._fullLayout.width - figure.clientWidth) > 1) {
        delete figure.layout.width;
        isOff = true;
      }
    }
    if (isOff) window.dispatchEvent(new Event("resize"));
  };
  const soon = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(fit);
  };

  const wide = new ResizeObserver(soon);
  wide.observe(el);
  document.addEventListener("plotlywidget-after-render", soon);
  return () => {
    wide.disconnect();
    cancelAnimationFrame(asked);
    document.removeEventListener("plotlywidget-after-render", soon);
  };
}

export default { render };
