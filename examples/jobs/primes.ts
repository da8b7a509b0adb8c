// A thread that counts primes, and breaks when it is told to.
import type { ThreadContext } from "iris-runtime";

export default async function countPrimes(ctx: ThreadContext): Promise<void> {
  const over = Promise.withResolvers<void>();
  ctx.port?.on("message", (message) => {
    if (message === "break") over.reject(new Error("told to break"));
    else ctx.port?.postMessage(primesBelow(message));
  });
  ctx.signal.addEventListener("abort", () => over.resolve());
  ctx.ready();
  await over.promise;
}

function primesBelow(limit: number): number {
  let primes = 0;
  for (let n = 2; n < limit; n++) {
    let divisor = 2;
    while (divisor * divisor <= n && n % divisor !== 0) divisor++;
    if (divisor * divisor > n) primes++;
  }
  return primes;
}
