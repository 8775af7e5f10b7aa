// How each script ends: what it was told goes to standard output, after a time limit too.
const LIMIT_MS = 25_000;

/** A function (exit status) that prints `told` as JSON and ends the process, once. */
export function report(told) {
  const finish = (status) => {
    clearTimeout(limit);
    process.stdout.write(`${JSON.stringify(told)}\n`, () => process.exit(status));
  };
  const limit = setTimeout(() => {
    console.error(`not done after ${LIMIT_MS} ms`);
    finish(1);
  }, LIMIT_MS);
  return finish;
}
