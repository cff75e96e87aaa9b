/** @file /docs and /redoc: shows the API's document by Swagger UI or ReDoc, in the colors that the reader prefers. */

// ReDoc has no dark theme of its own: https://redocly.com/docs/redoc/config
const DARK_REDOC = {
  colors: {
    primary: { main: "#9db2ff" },
    success: { main: "#8fd19e" },
    error: { main: "#ffb4ab" },
    text: { primary: "#eceef2", secondary: "#a9b0be" },
    gray: { 50: "#1f2229", 100: "#2a2e37" },
    border: { dark: "#6f7785", light: "#343945" },
    responses: {
      success: { color: "#8fd19e", backgroundColor: "#1d2b22" },
      error: { color: "#ffb4ab", backgroundColor: "#33201f" },
      redirect: { color: "#f0c674", backgroundColor: "#2e2919" },
      info: { color: "#9db2ff", backgroundColor: "#1e2438" },
    },
  },
  schema: {
    nestedBackground: "#1f2229",
    typeNameColor: "#a9b0be",
    typeTitleColor: "#a9b0be",
    requireLabelColor: "#ffb4ab",
  },
  sidebar: { backgroundColor: "#1f2229", textColor: "#eceef2", activeTextColor: "#9db2ff" },
  rightPanel: { backgroundColor: "#1b1e25" },
  fab: { backgroundColor: "#343945", color: "#eceef2" },
  typography: { code: { color: "#ffb4ab", backgroundColor: "#2a2e37" }, links: { color: "#9db2ff" } },
};

const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.getElementById("api");
const documentUrl = new URL(root.dataset.document, location.href).href;

/**
 * Let requests go to the host that the page is from: the document names the service's public one, which may be another,
 * and the page's policy allows no other.
 */
const sameHost = {
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (spec) => update({ ...spec, servers: [{ url: new URL(".", documentUrl).href }] }),
      },
    },
  },
};

/** Show the document in Swagger UI, on which requests can be tried out. */
function showSwaggerUi() {
  const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  window["SwaggerUIBundle"]({
    domNode: root,
    url: documentUrl,
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    plugins: [sameHost],
    validatorUrl: null, // it is on another host
  });
}

/** Show the document in ReDoc. */
function showRedoc() {
  const { nonce } = root.dataset;
  const theme = dark.matches ? DARK_REDOC : {};
  // Its search runs in a worker made of a blob, which the page's policy forbids.
  window["Redoc"].init(documentUrl, { nonce, theme, disableSearch: true, hideDownloadButton: true }, root);
}

if (root.dataset.nonce) showRedoc();
else showSwaggerUi();

export {};
