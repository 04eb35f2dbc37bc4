import { assert, jsonValue, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { exact, html, visible } from "../../../../src/console/views/html.ts";
import { prettyJson } from "../../../../src/console/views/pretty-json.ts";

describe("markup", () => {
  test("everything that is put in is escaped, also in attributes", () => {
    const evil = `"><script>alert('&')</script>`;
    const safe = "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;";
    expect(html`<a title="${evil}">${evil}</a>`.text).toBe(`<a title="${safe}">${safe}</a>`);
    expect(html`${[evil, html`<b>${evil}</b>`]}`.text).toBe(`${safe}<b>${safe}</b>`);
  });

  test("what is missing is nothing, and zero is zero", () => {
    expect(html`<p>${undefined}${false}${0}${""}${[]}</p>`.text).toBe("<p>0</p>");
  });

  test("no text can open a tag, end an attribute or drive a terminal", () => {
    assert(
      property(string({ unit: "binary" }), (text) => {
        for (const { text: made } of [html`${text}`, exact(text)]) expect(made).not.toMatch(/[<>"']/);
        expect(html`${text}`.text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      }),
    );
  });

  test("a field's value comes back as it is, a shown one is made visible", () => {
    expect(exact("a\u202eb").text).toBe("a\u202eb");
    expect(visible("a\u202eb\u001b[2J\u007f\u009b\r\n\t")).toBe("a⟨U+202E⟩b␛[2J␡⟨U+009B⟩␍\n\t");
  });
});

describe("a body laid out for reading", () => {
  test("numbers and strings keep every character", () => {
    const body = `{"n":12345678901234567890,"f":1.50e+3,"s":"a\\u001b\\"{[,:]}","e":{},"l":[],"a":[1,{"b":null}]}`;
    expect(prettyJson(body)).toBe(`{
  "n": 12345678901234567890,
  "f": 1.50e+3,
  "s": "a\\u001b\\"{[,:]}",
  "e": {},
  "l": [],
  "a": [
    1,
    {
      "b": null
    }
  ]
}`);
  });

  test("what is no JSON stays as it is", () => {
    expect(prettyJson('{"a":')).toBe('{"a":');
    // each level would be indented on every line: half a megabyte of brackets, terabytes of spaces
    const deep = "[".repeat(250_000) + "]".repeat(250_000);
    expect(prettyJson(deep)).toBe(deep);
    expect(prettyJson(`[${"1,".repeat(250_000)}1]`, 1000).length).toBeLessThan(1100);
    expect(prettyJson("")).toBe("");
  });

  test("for every JSON it is what JSON.stringify would lay out", () => {
    assert(
      property(jsonValue(), (value) => {
        expect(prettyJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
      }),
    );
  });
});
