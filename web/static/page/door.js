import { roomInAddress, socketsAt } from "./address.js";
import { $ } from "./dom.js";
import { clientProblem } from "../hubbub.js";
import { recall, remember } from "./memory.js";
import { problemOf } from "./talks.js";

// The door: a name and a room.

export function showDoor() {
  delete document.documentElement.dataset.inside;
  document.title = "Hubbub";
  $("name").value = recall("localStorage", "hubbub.name");
  $("room").value = roomInAddress() || "lobby";
  showAddress();
  ($("name").value ? $("room") : $("name")).focus();
}

function showAddress() {
  const name = $("room").value.trim();
  $("address").textContent = `${socketsAt}/my-device${problemOf(name) ? "" : `?room=${encodeURIComponent(name)}`}`;
}

function showProblem(field, problem) {
  $(`${field}-problem`).textContent = problem ?? "";
  $(field).setAttribute("aria-invalid", String(problem !== null));
}

/** enter(name, room) is called with names that are names. */
export function onEnter(enter) {
  $("room").addEventListener("input", showAddress);
  addEventListener("hashchange", () => {
    if ("inside" in document.documentElement.dataset) return;
    $("room").value = roomInAddress() || "lobby";
    showAddress();
  });
  $("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("name").value.trim();
    const room = $("room").value.trim();
    showProblem("name", clientProblem(name));
    showProblem("room", problemOf(room));
    const wrong = document.querySelector('#enter [aria-invalid="true"]');
    if (wrong) return wrong.focus();
    remember("localStorage", "hubbub.name", name);
    enter(name, room);
  });
}
