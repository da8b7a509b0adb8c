/** The container engine that tests use, and the image that scripts/docker-for-tests.sh makes. */
import Docker from "dockerode";
import { OWNER_LABELS, ownLabels } from "../../src/cluster/worker/runtime/docker/owner.ts";

export const TEST_IMAGE = "iris-test-node";

/** Fails, with what to do, unless the engine answers and has the image: these tests are never skipped. */
export async function needDocker(): Promise<Docker> {
  const docker = new Docker();
  try {
    await docker.ping();
    await docker.getImage(TEST_IMAGE).inspect();
    return docker;
  } catch (error) {
    const message = "the tests of containers need an engine with their image: run scripts/docker-for-tests.sh";
    throw new Error(`${message} (${(error as Error).message})`, { cause: error });
  }
}

/** Ids of the containers that a process owns; this one, unless told otherwise. */
export async function containersOf(docker: Docker, owner = ownLabels()[OWNER_LABELS.owner]): Promise<string[]> {
  const filters = { label: [`${OWNER_LABELS.owner}=${owner}`] };
  return (await docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
}
