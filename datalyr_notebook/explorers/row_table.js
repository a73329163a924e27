// A table of plain texts. Rows are chosen by mouse, arrow keys, Home, End; Enter and Space choose, Escape lets go.
function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "datalyr-rows";
  el.replaceChildren(box);

  const choose = (place) => {
    model.set("chosen", place);
    model.save_changes();
  };

  const mark = (focus) => {
    const chosen = model.get("chosen");
    const rows = [...box.querySelectorAll("tbody tr")];
    rows.forEach((row, place) => {
      row.setAttribute("aria-selected", place === chosen ? "true" : "false");
      row.tabIndex = place === Math.max(chosen, 0) ? 0 : -1;
    });
    if (focus && rows[chosen]) rows[chosen].focus();
  };

  const cell = (kind, text, isNumber) => {
    const made = document.createElement(kind);
    made.textContent = text;
    if (isNumber) made.className = "datalyr-number";
    return made;
  };

  const draw = () => {
    const numeric = model.get("numeric");
    const table = document.createElement("table");
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", model.get("label"));
    const head = table.createTHead().insertRow();
    model.get("columns").forEach((name, place) => {
      const made = cell("th", name, numeric[place]);
      made.scope = "col";
      head.append(made);
    });
    const body = table.createTBody();
    model.get("rows").forEach((texts, place) => {
      const row = body.insertRow();
      row.append(...texts.map((text, column) => cell("td", text, numeric[column])));
      row.addEventListener("click", () => choose(place));
      row.addEventListener("keydown", (event) => {
        const last = body.rows.length - 1;
        const to = {
          ArrowDown: Math.min(place + 1, last),
          ArrowUp: Math.max(place - 1, 0),
          Home: 0,
          End: last,
          Enter: place,
          " ": place,
          Escape: -1,
        }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        if (to >= 0) body.rows[to].focus();
        choose(to);
      });
    });
    const note = document.createElement("p");
    note.textContent = model.get("note");
    const frame = document.createElement("div");
    frame.className = "datalyr-rows-frame";
    frame.append(table);
    const label = document.createElement("p");
    label.className = "datalyr-rows-label";
    label.textContent = model.get("label");
    const hasRows = model.get("columns").length > 0;
    box.replaceChildren(...(hasRows ? [label, frame] : []), ...(note.textContent ? [note] : []));
    mark(false);
  };

  const redraw = () => draw();
  const remark = () => mark(box.contains(document.activeElement));
  const drawn = ["change:rows", "change:columns", "change:note", "change:label"];
  drawn.forEach((name) => model.on(name, redraw));
  model.on("change:chosen", remark);
  draw();
  return () => {
    drawn.forEach((name) => model.off(name, redraw));
    model.off("change:chosen", remark);
  };
}

export default { render };
