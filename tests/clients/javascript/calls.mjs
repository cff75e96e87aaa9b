// Serve a client's calls: a line of JSON comes in for each, and a line goes out with its result or its error.
import { createInterface } from "node:readline";

const [, , baseURL, apiKey] = process.argv;

export const connection = { baseURL, apiKey };

export async function serve(calls) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { name, options } = JSON.parse(line);
    process.stdout.write(JSON.stringify(await outcome(() => calls[name](options))) + "\n");
  }
}

async function outcome(call) {
  try {
    return { result: await call() };
  } catch (error) {
    const { message, code, param } = error;
    return { error: { type: error.constructor.name, message, status: error.status ?? error.statusCode, code, param } };
  }
}
