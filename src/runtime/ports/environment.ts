/**
 * The process's environment variables, handed in from outside: what is configured by them says so by taking an
 * `Environment`, and tests hand in a plain record.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables of this process. */
export const processEnvironment: Environment = process.env;
