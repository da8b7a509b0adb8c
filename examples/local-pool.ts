// Functions in parallel on the threads of this machine.
import { LocalPool } from "iris-runtime";

await using pool = new LocalPool({ threads: 2 });

const primes = (limit: number): number => {
  let count = 0;
  for (let candidate = 2; candidate < limit; candidate++) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate && prime; divisor++) prime = candidate % divisor !== 0;
    if (prime) count++;
  }
  return count;
};

for await (const count of pool.map(primes, [10, 100, 1_000, 10_000], { ordered: true })) console.log(count);
