// Vercel's AI SDK with its provider for OpenAI and the one for services like it.
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";
import { connection, serve } from "./calls.mjs";

const providers = {
  openai: createOpenAI(connection),
  compatible: createOpenAICompatible({ name: "pictures", ...connection }),
};

const generate = async ({ provider, model, ...options }) => {
  const { images, warnings } = await generateImage({
    model: providers[provider].imageModel(model),
    maxRetries: 0,
    ...options,
  });
  return { warnings, images: images.map(({ base64, mediaType }) => ({ base64, mediaType })) };
};

await serve({
  generate,
  edit: ({ text, images, ...options }) =>
    generate({ ...options, prompt: { text, images: images.map((path) => readFileSync(path)) } }),
});
