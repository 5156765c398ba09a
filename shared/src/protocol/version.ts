/** Versions of the wire format. The collector accepts the current and the one before. */

/** Highest version that this build speaks. */
export const PROTOCOL_VERSION = 1;
/** Lowest version that this build still accepts. */
export const PROTOCOL_VERSION_MIN = 1;
/** WebSocket subprotocol. */
export const SUBPROTOCOL = 'rollcall.agent.v1';
/** Path of the agent socket on the collector. */
export const CONNECT_PATH = '/agent/v1/connect';
/** Path of enrolment on the collector. */
export const ENROLL_PATH = '/agent/v1/enroll';
