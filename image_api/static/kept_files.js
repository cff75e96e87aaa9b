/** The source pictures of jobs, kept over a reload in the browser's database, as they are too large for its session. */

const NAME = "making";
const STORE = "files";
const LONGEST = 86_400_000; // milliseconds that the file of a job is kept which never ended

/**
 * Return what comes of work on the files, undefined if the browser keeps none.
 * @param {(files: IDBObjectStore) => IDBRequest} work
 * @returns {Promise<any>}
 */
function withFiles(work) {
  return new Promise((resolve) => {
    try {
      const opened = indexedDB.open(NAME, 1);
      opened.onupgradeneeded = () => opened.result.createObjectStore(STORE);
      opened.onerror = opened.onblocked = () => resolve(undefined);
      opened.onsuccess = () => {
        const transaction = opened.result.transaction(STORE, "readwrite");
        const asked = work(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(asked.result);
        transaction.onabort = () => resolve(undefined);
        transaction.addEventListener("complete", () => opened.result.close());
      };
    } catch {
      resolve(undefined); // storage is forbidden
    }
  });
}

/**
 * Keep the file of a job.
 * @param {string} id
 * @param {File} file
 */
export function keepFile(id, file) {
  return withFiles((files) => files.put({ file, at: Date.now() }, id));
}

/**
 * Return the file of a job, undefined if it is not kept.
 * @param {string} id
 * @returns {Promise<File | undefined>}
 */
export async function recallFile(id) {
  return (await withFiles((files) => files.get(id)))?.file;
}

/**
 * Forget the file of a job, and those that are left of jobs long ago.
 * @param {string} id
 */
export function forgetFile(id) {
  return withFiles((files) => {
    files.openCursor().onsuccess = ({ target }) => {
      const cursor = /** @type {IDBRequest<IDBCursorWithValue | null>} */ (target).result;
      if (!cursor) return;
      if (cursor.key === id || Date.now() - cursor.value.at > LONGEST) cursor.delete();
      cursor.continue();
    };
    return files.count();
  });
}
