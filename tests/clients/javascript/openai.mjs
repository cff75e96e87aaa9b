// OpenAI's own JavaScript client.
import { createReadStream } from "node:fs";
import OpenAI, { AzureOpenAI, toFile } from "openai";
import { connection, serve } from "./calls.mjs";

const client = new OpenAI({ ...connection, maxRetries: 0 });
const apiVersion = "2025-04-01-preview";
const versioned = new OpenAI({ ...connection, maxRetries: 0, defaultQuery: { "api-version": apiVersion } });
const azure = new AzureOpenAI({
  endpoint: new URL(connection.baseURL).origin,
  apiKey: connection.apiKey,
  apiVersion,
  maxRetries: 0,
});

const png = (path) => toFile(createReadStream(path), null, { type: "image/png" });

await serve({
  generate: (options) => client.images.generate(options),
  generateWithApiVersion: (options) => versioned.images.generate(options),
  generateByAzure: (options) => azure.images.generate(options),
  stream: async (options) => Array.fromAsync(await client.images.generate({ ...options, stream: true })),
  edit: async ({ image, ...options }) =>
    client.images.edit({ ...options, image: await Promise.all(image.map(png)) }),
  variation: async ({ image, ...options }) => client.images.createVariation({ ...options, image: await png(image) }),
  models: async () => Array.fromAsync(client.models.list()),
  model: ({ id }) => client.models.retrieve(id),
});
