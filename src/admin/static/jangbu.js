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

// A file goes up in pieces, so that a lost connection costs little: the upload goes on from where the server says that it stands, also on a page that was opened anew (docs/uploads.md). The form follows
// without the file, and leads where the plain one would have.
const wait = ms => new Promise(done => { setTimeout(done, ms); addEventListener("online", done, { once: true }); });
const send = (method, url, headers, body, progress) => new Promise((done, lost) => {
  const request = new XMLHttpRequest();
  let patience;
  const patient = () => { clearTimeout(patience); patience = setTimeout(() => request.abort(), 30000); };
  request.upload.onprogress = at => { patient(); progress?.(at.loaded); };
  request.onload = () => (request.status >= 502 && request.status <= 504 ? lost() : done(request));
  request.onerror = request.onabort = lost;
  request.onloadend = () => clearTimeout(patience);
  request.open(method, url);
  for (const [name, value] of Object.entries({ Accept: "application/json", ...headers })) request.setRequestHeader(name, value);
  request.send(body);
});
const reason = request => {
  try { return JSON.parse(request.responseText).detail; } catch { return `${request.status} ${request.statusText}`; } // not ours: the status says it
};
const remember = (key, value) => { try { if (value) localStorage.setItem(key, value); else localStorage.removeItem(key); } catch { /* not allowed: then only this page knows */ } };
const remembered = key => { try { return localStorage.getItem(key); } catch { return null; } };
const steadily = async (what, lost) => { // again and again, at growing distances, until there is an answer
  for (let pause = 500; ; pause = Math.min(pause * 2, 10000)) {
    try { const answer = await what(); lost(false); return answer; } catch { lost(true); await wait(pause); }
  }
};
const uploadFile = async (file, token, show, lost) => { // gives the upload's address, or throws a sentence
  const key = `upload ${file.name} ${file.size} ${file.lastModified}`, small = 65536;
  let place = remembered(key), at = -1, piece = 8388608; // at: -1 asks where it stands
  while (at < file.size) {
    const from = at, request = await steadily(() => {
      if (!place) return send("POST", `/api/uploads?file_name=${encodeURIComponent(file.name)}`, { "X-CSRF-Token": token, "Upload-Length": file.size });
      if (from < 0) return send("GET", place, {});
      const headers = { "X-CSRF-Token": token, "Upload-Offset": from, "Content-Type": "application/offset+octet-stream" };
      return send("PATCH", place, headers, file.slice(from, from + piece), sent => show(from + sent)).catch(() => null);
    }, lost);
    if (!request) { lost(true); await wait(500); at = -1; continue; } // how much of the piece has come, the server knows
    if (request.status === 404 && place) { place = null; at = -1; continue; }
    if (request.status === 409) { at = -1; continue; }
    if (request.status === 413 && from >= 0 && piece > small && !request.getResponseHeader("Upload-Offset")) { piece /= 2; continue; } // a proxy that takes no more at a time
    if (request.status >= 300) throw reason(request);
    if (!place) { place = request.getResponseHeader("Location"); remember(key, place); }
    at = Number(request.getResponseHeader("Upload-Offset"));
    show(at);
  }
  return { place, forget: () => remember(key, null) };
};
for (const form of all("form[data-upload]")) {
  const problem = form.querySelector("[data-problem]"), sending = form.querySelector("[data-sending]"), away = form.querySelector("[data-lost]");
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const button = event.submitter, file = form.querySelector("[type=file]").files[0], body = new FormData(form);
    if (button.ariaBusy) return;
    const refuse = text => {
      button.removeAttribute("aria-busy");
      sending.hidden = true;
      problem.hidden = false;
      problem.textContent = text;
      problem.scrollIntoView({ block: "nearest" });
    };
    const show = bytes => {
      const percent = Math.floor(bytes / file.size * 100);
      sending.querySelector("progress").value = percent;
      sending.querySelector("[data-percent]").textContent = percent;
      sending.querySelector("[data-sent]").textContent = `${size(bytes)} / ${size(file.size)}`;
    };
    const lost = yes => { away.textContent = yes ? form.dataset.upload : ""; };
    if (file.size > Number(form.dataset.max)) { refuse(form.dataset.large); return; }
    button.ariaBusy = "true";
    problem.hidden = true;
    sending.hidden = false;
    try {
      const upload = await uploadFile(file, body.get("csrfmiddlewaretoken"), show, lost);
      body.delete("file");
      body.set("upload", upload.place.split("/").pop());
      const request = await steadily(() => send("POST", form.action, {}, body), lost); // the form's own token makes one job of it
      if (request.status < 500) upload.forget();
      if (request.status >= 300 && request.status < 500) await send("DELETE", upload.place, { "X-CSRF-Token": body.get("csrfmiddlewaretoken") }).catch(() => {}); // it is not what was wanted
      if (request.status >= 300) throw reason(request);
      location.href = request.responseURL;
    } catch (text) { refuse(String(text)); }
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
