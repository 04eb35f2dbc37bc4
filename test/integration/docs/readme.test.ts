import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { blocksOf } from "./blocks.ts";
import { openStage, type Stage } from "./stage.ts";
import { typeBlock } from "./type-block.ts";

const PAGE = resolve(import.meta.dirname, "../../../README.md");

const RECEIPT = /\/_relay\/deliveries\/[\w-]+\?seq=\d+/;
const ADDRESS = /http:\/\/127\.0\.0\.1:\d+/;

/** The page's addresses, folder and receipts are not this machine's: commands are typed with ours. */
function withOurNames(stage: Stage): Stage {
  let receipt: string | undefined;
  return {
    ...stage,
    async type(command, terminal) {
      if (command.includes("/_relay/deliveries/")) await stage.idle();
      const typed = command
        .replace(ADDRESS, stage.gateway)
        .replace(" --data /tmp/outage", "")
        .replace(RECEIPT, (shown) => receipt ?? shown)
        .replace(/^curl /, "curl -sS ");
      const answer = await stage.type(typed, terminal);
      receipt = RECEIPT.exec(answer.output)?.[0] ?? receipt;
      return answer;
    },
    inWords: (text) => stage.inWords(text).replace(/^relay-1 /m, "vm-13544 "),
  };
}

test("README: curl and status show what is shown (vitest -u writes what they really do)", async () => {
  const page = readFileSync(PAGE, "utf8");
  const consoles = blocksOf(page).filter(({ language }) => language === "console");
  const parts = [
    { title: "Try it", blocks: consoles.filter(({ text }) => text.includes("$GATEWAY")), of: 2 },
    {
      title: "What happens in an outage",
      blocks: consoles.filter(({ when, text }) => when !== undefined && !text.includes("ses_demo")),
      of: 3,
    },
    { title: "Sessions", blocks: consoles.filter(({ text }) => text.includes("ses_demo")), of: 1 },
  ];
  let written = "";
  let at = 0;
  for (const { title, blocks, of } of parts) {
    expect(blocks, title).toHaveLength(of);
    await using stage = await openStage({ hostname: "vm", profile: "default", sessions: ["ses_1"] });
    const ours = withOurNames(stage);
    for (const block of blocks) {
      written += page.slice(at, block.start) + (await typeBlock(ours, block));
      at = block.end;
    }
  }
  await expect(written + page.slice(at)).toMatchFileSnapshot(PAGE);
});
