import type { Figure } from "./figure.ts";
import type { Profile } from "./product.ts";

/** What a row is given. */
export type Lab = {
  /** Fewer and shorter rounds: the whole table within twelve minutes. */
  quick: boolean;
  profile: Profile;
  /** Told as soon as a figure stands. */
  report: (figure: Figure) => void;
  /** Told what the figures do not say: what they were measured with, what could not be had. */
  note: (text: string) => void;
};

/** Rows of docs/performance.md, "Figures", that are measured together. */
export type Row = {
  name: string;
  /** Takes minutes: left out of `--quick`, unless `--only` names it. */
  long?: true;
  run(lab: Lab): Promise<void>;
};
