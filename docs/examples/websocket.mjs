// Makes a picture over a WebSocket and shows how far it is. Node 22 or newer, which has WebSocket as browsers do:
//
//     node websocket.mjs "a red boat" http://localhost:8000

const [prompt = "a red boat", address = "http://localhost:8000"] = process.argv.slice(2);

/** Make a picture; `onProgress` gets each message of progress. Resolves with the result, rejects with an Error. */
function generate(address, options, onProgress) {
  if (!globalThis.WebSocket) throw new Error("There is no WebSocket: it needs a browser, or Node 22 or newer.");
  const url = new URL("stream/generate/txt2img", address.replace(/\/*$/, "/"));
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    let isOpen = false;
    socket.onopen = () => {
      isOpen = true;
      socket.send(JSON.stringify(options)); // the fields of POST /generate
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.event === "progress") onProgress(message);
      if (message.event === "result") resolve(message.result);
      if (message.event === "error") reject(new Error(message.error.error));
      if (message.event !== "progress") socket.close(); // or send the next one
    };
    // A browser tells scripts no more than this about a connection that did not come about.
    socket.onclose = ({ code, reason }) =>
      reject(new Error(isOpen ? `The connection was closed: ${reason || code}.` : `Cannot reach ${url.href}.`));
  });
}

const describe = ({ message, percent, expected_seconds: seconds }) =>
  [message, percent >= 0 && `${percent} %`, seconds && `usually ${seconds} s`].filter(Boolean).join(" · ");

try {
  const result = await generate(address, { prompt }, (progress) => console.log(describe(progress)));
  console.log(result.image_url);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
