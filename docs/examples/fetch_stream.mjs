// Makes a picture by an event stream over fetch: shows how far it is, goes on where it was if the connection breaks
// (Last-Event-ID), and ends the work if you press Ctrl-C. Node 22 or newer; in a page the same code runs.
//
//     node fetch_stream.mjs "a red boat" http://localhost:8000

const [prompt = "a red boat", address = "http://localhost:8000"] = process.argv.slice(2);
const base = address.replace(/\/*$/, "/");
const ATTEMPTS = 5;

/** The service's own sentence about what went wrong: trying again does not help. */
class Refused extends Error {}

/** Yield the events of a response as they come: { name, id, data }; a heartbeat has an id alone. */
async function* eventsOf(response) {
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.match(new RegExp(`^${name}: ?(.*)$`, "m"))?.[1];
      yield { name: field("event"), id: field("id"), data: JSON.parse(field("data") ?? "null") };
    }
  }
}

/** Make a picture and return its result; `onStart` gets the id of each request, `onProgress` how far it is. */
async function generate(options, { onStart, onProgress }) {
  const url = `${base}generate?${new URLSearchParams(options)}`;
  let lastId;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const response = await fetch(url, { headers });
      onStart(response.headers.get("X-Request-ID"));
      if (!response.ok) throw new Refused((await response.json()).error);
      if (response.status === 204) throw new Refused("The stream had ended.");
      for await (const { name, id, data } of eventsOf(response)) {
        lastId = id ?? lastId;
        if (name === "result") return data;
        if (name === "failure") throw new Refused(data.error);
        if (name === "progress") onProgress(data);
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      // Without an id the same request would make a second picture.
      if (!lastId) throw new Error(`Cannot reach ${base}: ${error.cause?.message || error.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  throw new Error(`The connection broke ${ATTEMPTS} times.`);
}

/** End a request and what is made for it alone. Returns the service's word or sentence for what came of that. */
async function cancel(requestId) {
  const body = await (await fetch(`${base}requests/${requestId}`, { method: "DELETE" })).json();
  return body.status ?? body.error;
}

let requestId;
process.once("SIGINT", async () => {
  console.log(requestId ? `Cancelled by you: ${await cancel(requestId)}` : "Nothing to cancel.");
  process.exit(130);
});

try {
  const result = await generate({ prompt }, {
    onStart: (id) => (requestId = id),
    onProgress: ({ message, percent }) => console.log(percent >= 0 ? `${message} ${percent} %` : message),
  });
  console.log(result.image_url);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
