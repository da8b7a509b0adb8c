/** Cap'n Web over WebSocket: a target's methods, called through a stub. */
import { Echo, type SmallRecord } from "../../../src/cli/bench-payload.ts";
import { peer, type RpcClient, type RpcSubject } from "../subject.ts";
import { dialWs, type Socket, serveWs } from "../ws-library.ts";

const { RpcTarget, newWebSocketRpcSession } = peer<{
  RpcTarget: new () => object;
  newWebSocketRpcSession(socket: Socket, target?: object): Pick<RpcClient, "small" | "bytes">;
}>("capnweb");

class Target extends RpcTarget {
  readonly #echo = new Echo();
  small(record: SmallRecord): SmallRecord {
    return this.#echo.small(record);
  }
  bytes(bytes: Uint8Array): Uint8Array {
    return this.#echo.bytes(bytes);
  }
}

export const subject: RpcSubject = {
  async serve() {
    const { address } = await serveWs((socket) => {
      newWebSocketRpcSession(socket, new Target());
    });
    return address;
  },
  async connect(address) {
    const stub = newWebSocketRpcSession(await dialWs(address));
    return {
      small: (record) => stub.small(record),
      bytes: (bytes) => stub.bytes(bytes),
    };
  },
};
