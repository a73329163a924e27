// Keeps figures as wide as their cell. plotly measures a figure once, before it is laid out, and again only when the
// window says that its size has changed: here it is told so when a figure was drawn, and when the cell's width changes.
function render({ el }) {
  el.style.width = "100%";
  let asked = 0;
  const measure = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => window.dispatchEvent(new Event("resize")));
  };
  let width = el.clientWidth;
  const wide = new ResizeObserver(() => {
    if (el.clientWidth === width) return;
    width = el.clientWidth;
    measure();
  });
  wide.observe(el);
  document.addEventListener("plotlywidget-after-render", measure);
  measure();
  return () => {
    wide.disconnect();
    cancelAnimationFrame(asked);
    document.removeEventListener("plotlywidget-after-render", measure);
  };
}

export default { render };
