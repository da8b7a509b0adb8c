/**
 * What a part has to say to its operators, handed in from outside. The shape is pino's, so a pino logger can be passed
 * as it is; the runtime itself never writes to a stream.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger that adds `fields` to every line. */
  child(fields: object): Logger;
}

/** Says nothing; the default of a library that somebody else's program embeds. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
