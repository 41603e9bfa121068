//! What the pages say, in each language.

use denizen_domain::operator::{MailLanguage, PasswordPolicy, PasswordRule};

/// The words of the pages in one language.
pub(super) struct Words {
    /// The language's name in itself.
    pub(super) name: &'static str,
    pub(super) choose: &'static str,
    pub(super) password: &'static str,
    pub(super) again: &'static str,
    pub(super) save: &'static str,
    pub(super) rules: &'static str,
    /// `{}` stands for the number of characters.
    min_length: &'static str,
    upper: &'static str,
    lower: &'static str,
    digit_or_special: &'static str,
    pub(super) breaches: &'static str,
    pub(super) too_long: &'static str,
    pub(super) differ: &'static str,
    pub(super) busy: &'static str,
    pub(super) done: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) gone: &'static str,
    pub(super) ask: &'static str,
    pub(super) nothing: &'static str,
    pub(super) failed: &'static str,
}

static ENGLISH: Words = Words {
    name: "English",
    choose: "Choose a password",
    password: "Password",
    again: "Repeat the password",
    save: "Save the password",
    rules: "The password needs:",
    min_length: "at least {} characters",
    upper: "an upper-case letter",
    lower: "a lower-case letter",
    digit_or_special: "a digit or a special character",
    breaches: "The password does not have everything that it needs.",
    too_long: "The password is too long.",
    differ: "The two passwords are not the same.",
    busy: "The server is busy. Please try again in a moment.",
    done: "Your password is saved",
    sign_in: "You can now sign in with your e-mail address and the new password. You can close this page.",
    gone: "This link is no longer valid",
    ask: "It has expired or was already used. Ask an administrator to set a password for you.",
    nothing: "There is no page at this address.",
    failed: "Something went wrong. Please try again later.",
};

static SPANISH: Words = Words {
    name: "Español",
    choose: "Elige una contraseña",
    password: "Contraseña",
    again: "Repite la contraseña",
    save: "Guardar la contraseña",
    rules: "La contraseña debe tener:",
    min_length: "al menos {} caracteres",
    upper: "una letra mayúscula",
    lower: "una letra minúscula",
    digit_or_special: "un dígito o un carácter especial",
    breaches: "La contraseña no cumple todos los requisitos.",
    too_long: "La contraseña es demasiado larga.",
    differ: "Las dos contraseñas no coinciden.",
    busy: "El servidor está ocupado. Vuelve a intentarlo dentro de un momento.",
    done: "Tu contraseña se ha guardado",
    sign_in: "Ya puedes iniciar sesión con tu dirección de correo y la nueva contraseña. Puedes cerrar esta página.",
    gone: "Este enlace ya no es válido",
    ask: "Ha caducado o ya se ha usado. Pide a un administrador que establezca una contraseña para ti.",
    nothing: "No hay ninguna página en esta dirección.",
    failed: "Algo ha fallado. Vuelve a intentarlo más tarde.",
};

static JAPANESE: Words = Words {
    name: "日本語",
    choose: "パスワードの設定",
    password: "パスワード",
    again: "パスワード（確認用）",
    save: "パスワードを設定する",
    rules: "パスワードの条件",
    min_length: "{}文字以上",
    upper: "大文字を1文字以上含む",
    lower: "小文字を1文字以上含む",
    digit_or_special: "数字または記号を1文字以上含む",
    breaches: "パスワードが条件を満たしていません。",
    too_long: "パスワードが長すぎます。",
    differ: "2つのパスワードが一致しません。",
    busy: "サーバーが混み合っています。しばらくしてからもう一度お試しください。",
    done: "パスワードを設定しました",
    sign_in: "メールアドレスと新しいパスワードでログインできます。このページは閉じてかまいません。",
    gone: "このリンクは無効です",
    ask: "有効期限が切れているか、すでに使用されています。管理者にパスワードの設定を依頼してください。",
    nothing: "このアドレスにページはありません。",
    failed: "エラーが発生しました。しばらくしてからもう一度お試しください。",
};

static PORTUGUESE: Words = Words {
    name: "Português",
    choose: "Escolha uma senha",
    password: "Senha",
    again: "Repita a senha",
    save: "Salvar a senha",
    rules: "A senha precisa ter:",
    min_length: "pelo menos {} caracteres",
    upper: "uma letra maiúscula",
    lower: "uma letra minúscula",
    digit_or_special: "um dígito ou um caractere especial",
    breaches: "A senha não atende a todos os requisitos.",
    too_long: "A senha é longa demais.",
    differ: "As duas senhas não são iguais.",
    busy: "O servidor está ocupado. Tente novamente em instantes.",
    done: "Sua senha foi salva",
    sign_in: "Agora você pode entrar com seu endereço de e-mail e a nova senha. Você pode fechar esta página.",
    gone: "Este link não é mais válido",
    ask: "Ele expirou ou já foi usado. Peça a um administrador que defina uma senha para você.",
    nothing: "Não há nenhuma página neste endereço.",
    failed: "Algo deu errado. Tente novamente mais tarde.",
};

impl Words {
    pub(super) fn of(language: MailLanguage) -> &'static Self {
        match language {
            MailLanguage::English => &ENGLISH,
            MailLanguage::Spanish => &SPANISH,
            MailLanguage::Japanese => &JAPANESE,
            MailLanguage::Portuguese => &PORTUGUESE,
        }
    }

    /// What a rule asks for; `None` for the one that nobody comes upon who thinks of a password.
    pub(super) fn rule(&self, rule: PasswordRule, policy: &PasswordPolicy) -> Option<String> {
        match rule {
            PasswordRule::MinLength => Some(self.min_length.replace("{}", &policy.min_length.to_string())),
            PasswordRule::Upper => Some(self.upper.to_owned()),
            PasswordRule::Lower => Some(self.lower.to_owned()),
            PasswordRule::DigitOrSpecial => Some(self.digit_or_special.to_owned()),
            PasswordRule::MaxBytes => None,
        }
    }
}
