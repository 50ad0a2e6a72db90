import { defineConfig } from "@playwright/test";

// Debian's Chromium, not one that is downloaded.
export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.js",
  testIgnore: process.env.SCREENS ? [] : "screens.spec.js",
  outputDir: "test-results",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  maxFailures: 6,
  forbidOnly: true,
  timeout: 60_000,
  globalTimeout: 600_000,
  expect: { timeout: 10_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    contextOptions: { reducedMotion: "reduce" }, // nothing to wait for, and no frames to draw meanwhile
    trace: "off",
    launchOptions: {
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
