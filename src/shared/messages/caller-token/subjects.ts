/** Workers ask here for the token of a turn's caller, by the name of the process that holds it. */
export const CALLER_ASK_SUBJECT = "rr.caller.ask";
/** And hear the answer here, under a name of their own. */
export const CALLER_ANSWER_SUBJECT = "rr.caller.to";

/** An answer that goes nowhere else: the broker checks what is published, not what it asks to be answered to. Pure. */
export function isCallerAnswer(subject: string | undefined): subject is string {
  return subject !== undefined && /^rr\.caller\.to\.[\w-]{1,64}$/.test(subject);
}
