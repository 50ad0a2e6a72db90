// Emoji by name and by hand.

const NAMED = {
  smile: "😄", grin: "😁", joy: "😂", rofl: "🤣", wink: "😉", blush: "😊", heart_eyes: "😍", sunglasses: "😎",
  thinking: "🤔", neutral: "😐", unamused: "😒", sweat_smile: "😅", sob: "😭", scream: "😱", angry: "😠", sleeping: "😴",
  wave: "👋", "+1": "👍", "-1": "👎", ok_hand: "👌", clap: "👏", pray: "🙏", muscle: "💪", raised_hands: "🙌",
  heart: "❤️", broken_heart: "💔", fire: "🔥", sparkles: "✨", star: "⭐", tada: "🎉", rocket: "🚀", zap: "⚡",
  bug: "🐛", wrench: "🔧", package: "📦", bulb: "💡", memo: "📝", pushpin: "📌", warning: "⚠️", rotating_light: "🚨",
  white_check_mark: "✅", x: "❌", question: "❓", eyes: "👀", hourglass: "⏳", lock: "🔒", chart: "📈", satellite: "📡",
  coffee: "☕", pizza: "🍕", cake: "🎂", beers: "🍻", seedling: "🌱", sunny: "☀️", cloud: "☁️", snowflake: "❄️",
  thermometer: "🌡️", droplet: "💧", battery: "🔋", electric_plug: "🔌", robot: "🤖", house: "🏠", bike: "🚲", dog: "🐶",
};

export const EMOJI = Object.entries(NAMED);

/** :tada: in what is being typed, save in code. */
export function withEmoji(text) {
  if (!text.includes(":")) return text;
  return text
    .split(/(```[^]*?(?:```|$)|`[^`\n]*`)/)
    .map((part, i) => (i % 2 ? part : part.replace(/:([\w+-]+):/g, (all, name) => (Object.hasOwn(NAMED, name) ? NAMED[name] : all))))
    .join("");
}

const ONLY = /^(?:\p{Extended_Pictographic}[\u{1f3fb}-\u{1f3ff}\ufe0f]?(?:\u200d\p{Extended_Pictographic}\ufe0f?)*\s*){1,3}$/u;

/** One to three emoji and nothing else: they are shown large. */
export const onlyEmoji = (text) => text.length < 40 && ONLY.test(text);
