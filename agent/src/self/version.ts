/** Version of this agent; the same as in package.json, which a packed agent does not carry. */
export const AGENT_VERSION = '0.1.0';
