// A job that serves an actor until it is terminated.
import { ActorServer } from "iris-runtime";

export class Calculator {
  add(a: number, b: number): number {
    return a + b;
  }

  divide(a: number, b: number): number {
    if (b === 0) throw new RangeError("division by zero");
    return a / b;
  }
}

export async function serveCalculator(): Promise<void> {
  const server = new ActorServer();
  // Inside a job the server registers its actors with the controller by itself.
  await server.register("calculator", new Calculator());
  await server.serve();
}
