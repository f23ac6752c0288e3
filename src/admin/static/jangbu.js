// Every page works without this file; it only saves steps.
"use strict";
const all = (css, from = document) => [...from.querySelectorAll(css)];
const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
const size = bytes => bytes < 1048576 ? `${number.format(Math.ceil(bytes / 1024))} KiB` : `${number.format(Math.floor(bytes / 104857.6) / 10)} MiB`;

// "/" goes to the search field, unless somebody is typing; it says so where there is a keyboard.
if (!matchMedia("(pointer: coarse)").matches) all("[type=search]").forEach(search => { search.placeholder += " ( / )"; });
addEventListener("keydown", event => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, select, textarea")) return;
  const search = document.querySelector("[type=search]");
  if (search) { event.preventDefault(); search.focus(); search.select(); }
});

// On a phone the menu is one row: it begins where one is.
for (const side of all(".side")) {
  const here = side.querySelector("[aria-current]");
  if (here) side.scrollLeft = here.offsetLeft - (side.clientWidth - here.offsetWidth) / 2;
}

// What went wrong is read first.
all("[data-focus]").forEach(note => note.focus());

// A filter applies when it changes; the button is for pages without script. Empty ones stay out of the address.
for (const form of all("form[data-auto]")) {
  all("[data-noscript]", form).forEach(button => { button.hidden = true; });
  form.addEventListener("change", event => event.target.matches("select") && form.requestSubmit());
  form.addEventListener("submit", () => all("input, select", form).forEach(field => { field.disabled = field.value === ""; }));
}

// A form is sent once: its button turns busy and a second press does nothing. A download leaves the page as it is.
addEventListener("submit", event => {
  const button = event.submitter;
  if (!button || event.defaultPrevented || !event.target.matches("[method=post]:not([data-download])")) return;
  if (button.ariaBusy) event.preventDefault();
  button.ariaBusy = "true";
});
addEventListener("pageshow", () => {
  all("[aria-busy]").forEach(button => button.removeAttribute("aria-busy"));
  all("form[data-auto] :disabled").forEach(field => { field.disabled = false; });
});

// Ticks: the head box ticks all, Shift ticks a range, the bar says how many.
for (const form of all("form[data-ticks]")) {
  const head = form.querySelector("[data-all]"), boxes = all("tbody [type=checkbox]", form);
  const count = form.querySelector("[data-count]"), send = form.querySelector("[data-send]");
  if (!head) continue;
  let last = -1;
  const show = () => {
    const ticked = boxes.filter(box => box.checked).length;
    head.checked = ticked > 0 && ticked === boxes.length;
    head.indeterminate = ticked > 0 && ticked < boxes.length;
    count.textContent = number.format(ticked);
    count.parentNode.hidden = ticked === 0;
    send.disabled = ticked === 0;
  };
  head.addEventListener("change", () => { boxes.forEach(box => { box.checked = head.checked; }); show(); });
  boxes.forEach((box, index) => box.addEventListener("click", event => {
    if (event.shiftKey && last >= 0)
      boxes.slice(Math.min(last, index), Math.max(last, index) + 1).forEach(other => { other.checked = box.checked; });
    last = index;
    show();
  }));
  addEventListener("pageshow", show);
}

// A dropped file goes into the ordinary file input.
for (const zone of all("[data-drop]")) {
  const input = zone.querySelector("input"), bytes = zone.querySelector("output");
  for (const kind of ["dragover", "dragleave", "drop"])
    zone.addEventListener(kind, event => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
      if (kind !== "drop") return;
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change"));
    });
  const show = () => {
    const file = input.files[0];
    bytes.textContent = file ? size(file.size) : ""; // its name stands in the input
  };
  input.addEventListener("change", show);
  addEventListener("pageshow", show);
}

// An upload shows how far it is. It ends on the page that the plain form would have led to.
for (const form of all("form[data-upload]")) {
  const problem = form.querySelector("[data-problem]"), sending = form.querySelector("[data-sending]");
  form.addEventListener("submit", event => {
    event.preventDefault();
    const button = event.submitter, request = new XMLHttpRequest();
    if (button.ariaBusy) return;
    const refuse = text => {
      button.removeAttribute("aria-busy");
      sending.hidden = true;
      problem.hidden = false;
      problem.textContent = text;
      problem.scrollIntoView({ block: "nearest" });
    };
    if (form.querySelector("[type=file]").files[0]?.size > Number(form.dataset.max)) { refuse(form.dataset.large); return; }
    button.ariaBusy = "true";
    problem.hidden = true;
    sending.hidden = false;
    request.upload.onprogress = at => {
      const percent = Math.floor(at.loaded / at.total * 100);
      sending.querySelector("progress").value = percent;
      sending.querySelector("[data-percent]").textContent = percent;
      sending.querySelector("[data-sent]").textContent = `${size(at.loaded)} / ${size(at.total)}`;
    };
    request.onload = () => {
      if (request.status < 300) { location.href = request.responseURL; return; }
      let text = `${request.status} ${request.statusText}`;
      try { text = JSON.parse(request.responseText).detail || text; } catch { /* not ours: the status says it */ }
      refuse(text);
    };
    request.onerror = () => refuse(form.dataset.upload);
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.send(new FormData(form));
  });
}

// A running job: the server sends {field: text, …}; "progress" also moves the bar, "step" the steps; "end" loads the result page.
for (const job of all("[data-events]")) {
  const put = values => {
    for (const [field, value] of Object.entries(values))
      all(`[data-field="${field}"]`, job).forEach(node => {
        if (node.matches("progress")) node.value = value;
        else if (node.textContent !== String(value)) node.textContent = value;
      });
    all("[data-steps] li", job).forEach((step, index) => {
      step.classList.toggle("past", index < values.step || index === 0);
      if (index === values.step && index > 0) step.setAttribute("aria-current", "step"); else step.removeAttribute("aria-current");
    });
    all("[data-badge]", job).forEach(badge => { badge.className = `badge ${values.status}`; badge.textContent = values.status_words; });
    if (values.end) location.reload();
  };
  const poll = () => fetch(job.dataset.poll, { headers: { Accept: "application/json" } })
    .then(answer => answer.json()).then(put).catch(() => {}).finally(() => setTimeout(poll, 1000));
  const events = new EventSource(job.dataset.events);
  events.onmessage = event => put(JSON.parse(event.data));
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) poll(); };
}
