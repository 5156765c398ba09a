/** What the operating system tells a process about itself without a file. */

const US_PER_SECOND = 1_000_000;

/** User and system time of this process with all its threads, seconds. Source: getrusage(2). */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / US_PER_SECOND;
}
