// What the page asks of the emulator, and what it hears of it.

/** Asks, and fails with Graph's message. */
export async function ask(method, path, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("the emulator cannot be reached. Is it still running?");
  }
  if (response.status === 401) throw new Error("the token is missing. Open the address that the command has printed.");
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch { /* said below */ }
  if (!response.ok) throw new Error(answer?.error?.message ?? `the emulator answered ${response.status}`);
  return answer;
}

const seg = encodeURIComponent;

export const callBot = (call) => ask("POST", "/emulator/calls", call);
export const inCall = (call, action) => ask("POST", `/emulator/calls/${seg(call)}/${action}`);
export const pressTone = (call, tone) => ask("POST", `/emulator/calls/${seg(call)}/tones`, { tone });
export const addMember = (room, script, name, picture) => ask("POST", `/emulator/rooms/${seg(room)}/members`, { script, name, picture });
export const removeMember = (room, member) => ask("DELETE", `/emulator/rooms/${seg(room)}/members/${seg(member)}`);
export const muteMember = (room, member, muted) =>
  ask("POST", `/emulator/rooms/${seg(room)}/members/${seg(member)}/${muted ? "mute" : "unmute"}`);
export const setLink = (room, member, link) =>
  ask(link ? "PUT" : "DELETE", `/emulator/rooms/${seg(room)}/members/${seg(member)}/link`, link ?? undefined);
export const addFault = (kind, fault) => ask("POST", `/emulator/faults/${kind}`, fault);
export const removeFault = (id) => ask("DELETE", `/emulator/faults/${id}`);
export const clearFaults = () => ask("DELETE", "/emulator/faults");
export const startRecording = () => ask("POST", "/emulator/recording");
export const stopRecording = () => ask("DELETE", "/emulator/recording");
export const legs = () => ask("GET", "/emulator/media");

/**
 * Listens to the emulator: `hear` has a function for each kind of event (`state`, `levels`, `stages`, `timeline`, `missed`) and `link`, which is
 * told `live` or `lost`. The browser comes back by itself, and says what it heard last.
 */
export function listen(hear) {
  const source = new EventSource("/emulator/events");
  source.onopen = () => hear.link("live");
  source.onerror = () => {
    hear.link("lost");
    // Refused, and not merely cut off: then the browser gives up.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(hear), 2_000);
  };
  for (const kind of ["state", "levels", "stages", "timeline", "missed"]) {
    source.addEventListener(kind, (event) => hear[kind](JSON.parse(event.data)));
  }
}
