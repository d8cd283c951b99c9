/**
 * The mails of Auth, in the look of all our mails. They are rendered to the HTML files beside this
 * one, which `config.toml` names; `{{ … }}` is filled in by Auth.
 *
 * A link leads to a page of the frontend with a button, and only the button uses the token up: mail
 * scanners open links, but press no buttons. Nothing that a person typed is repeated, their name
 * neither: whoever signs up with an address of others could have us send them any text.
 */
import type { ReactNode } from "react";
import { createElement } from "react";
import { render, Text } from "react-email";
import { Action, Hint, Layout, Paragraph, Title } from "../functions/_shared/mail/layout.tsx";

type Mail = { subject: string; preview: string; reason: string; content: ReactNode };

const site = "{{ .SiteURL }}";

/** The page that asks to press the button; `type` is what it hands to `verifyOtp`. */
const confirm = (type: "email" | "recovery" | "invite" | "email_change") =>
  `${site}/auth/confirm?token_hash={{ .TokenHash }}&type=${type}&redirect_to={{ .RedirectTo }}`;

function Code() {
  return (
    <Text
      className="ink"
      style={{ margin: "0", fontSize: "26px", lineHeight: "34px", letterSpacing: "5px" }}
    >
      <strong>{"{{ .Token }}"}</strong>
    </Text>
  );
}

function OrCode() {
  return (
    <>
      <Hint>Or enter this code:</Hint>
      <Code />
    </>
  );
}

const secured = "You get this mail because it concerns the safety of your account.";

/** By the names that `config.toml` has for them. */
export const mails: Record<string, Mail> = {
  confirmation: {
    subject: "Confirm your address",
    preview: "One more step, and your account is open.",
    reason: "You get this mail because somebody opened an account with your address.",
    content: (
      <>
        <Title>Welcome to Djanobnb</Title>
        <Paragraph>
          Please confirm that this address is yours. The link works for an hour.
        </Paragraph>
        <Action href={confirm("email")}>Confirm my address</Action>
        <OrCode />
        <Hint>If it was not you, do nothing: without this step there is no account.</Hint>
      </>
    ),
  },
  magic_link: {
    subject: "Your sign-in link",
    preview: "Sign in without a password.",
    reason: "You get this mail because somebody asked to sign in with your address.",
    content: (
      <>
        <Title>Sign in to Djanobnb</Title>
        <Paragraph>The link works once and for an hour.</Paragraph>
        <Action href={confirm("email")}>Sign in</Action>
        <OrCode />
        <Hint>If it was not you, do nothing, and give the code to nobody.</Hint>
      </>
    ),
  },
  recovery: {
    subject: "Choose a new password",
    preview: "The link works once and for an hour.",
    reason: "You get this mail because somebody asked for a new password for your account.",
    content: (
      <>
        <Title>Choose a new password</Title>
        <Paragraph>
          Forgot yours? It happens. The link works once and for an hour; until you have chosen a new
          password, the old one stays.
        </Paragraph>
        <Action href={confirm("recovery")}>Choose a new password</Action>
        <OrCode />
        <Hint>If it was not you, do nothing: your password stays as it is.</Hint>
      </>
    ),
  },
  email_change: {
    subject: "Confirm your new address",
    preview: "Your account moves once both addresses have agreed.",
    reason: secured,
    content: (
      <>
        <Title>Confirm your new address</Title>
        <Paragraph>
          Your account is to move from {"{{ .Email }}"} to {"{{ .NewEmail }}"}. We ask at both
          addresses, so that nobody takes an account away.
        </Paragraph>
        <Action href={confirm("email_change")}>Agree to the change</Action>
        <OrCode />
        <Hint>If it was not you, do nothing, and change your password.</Hint>
      </>
    ),
  },
  invite: {
    subject: "You are invited to Djanobnb",
    preview: "Accept the invitation and choose a password.",
    reason: "You get this mail because our staff invited you.",
    content: (
      <>
        <Title>You are invited</Title>
        <Paragraph>Our staff opened an account for you. The link works for an hour.</Paragraph>
        <Action href={confirm("invite")}>Accept the invitation</Action>
        <Hint>If you did not expect this, do nothing.</Hint>
      </>
    ),
  },
  reauthentication: {
    subject: "Your confirmation code",
    preview: "Enter it where you were asked for it.",
    reason: secured,
    content: (
      <>
        <Title>Is it you?</Title>
        <Paragraph>Enter this code to go on. It works once and for an hour.</Paragraph>
        <Code />
        <Hint>Give it to nobody. If it was not you, change your password.</Hint>
      </>
    ),
  },
  password_changed: {
    subject: "Your password was changed",
    preview: "If it was you, there is nothing to do.",
    reason: secured,
    content: (
      <>
        <Title>Your password was changed</Title>
        <Paragraph>The password of {"{{ .Email }}"} is a new one from now on.</Paragraph>
        <Paragraph>If it was not you, choose another one at once.</Paragraph>
        <Action href={`${site}/auth/forgot-password`}>It was not me</Action>
      </>
    ),
  },
  email_changed: {
    subject: "Your address was changed",
    preview: "If it was you, there is nothing to do.",
    reason: secured,
    content: (
      <>
        <Title>Your address was changed</Title>
        <Paragraph>
          Your account has moved from {"{{ .OldEmail }}"} to {"{{ .Email }}"}. If it was not you,
          please write to us at once.
        </Paragraph>
        <Action href={`${site}/contact`}>It was not me</Action>
      </>
    ),
  },
};

/** The HTML file of a mail. */
export async function renderAuthMail({ subject, preview, reason, content }: Mail): Promise<string> {
  const home = `${site}/`;
  const html = await render(createElement(Layout, { subject, preview, reason, home, content }), {
    pretty: true,
  });
  return `${html.trim()}\n`;
}
