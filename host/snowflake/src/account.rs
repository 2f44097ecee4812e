//! The account as its user writes it, and the URL it lives at.
//!
//! An identifier has the form `ORGANISATION-ACCOUNT`, or is a locator with its region. Login tokens carry what stands before the
//! first dot, in upper case; the host name carries all of it, with hyphens for underscores.
//!
//! What must stay true: an identifier that would silently log in to another account is refused, and a URL that would carry a login
//! unencrypted is refused unless it stays on this machine.

use reqwest::Url;

use crate::config::Problem;

/// An account identifier taken apart.
pub(crate) struct Account {
    /// As login tokens name it: upper case, without region.
    pub(crate) in_tokens: String,
    /// What stands before the domain in the account's own URL.
    host_label: String,
}

impl Account {
    pub(crate) fn parse(written: &str) -> Result<Account, Problem> {
        let problem = |message: &str, hint: String| Err(Problem::new("account", format!("`{written}` {message}"), hint));
        let find = "Snowflake shows it for `SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME()`".to_owned();
        if written.is_empty() {
            return Err(Problem::new("account", "is empty", find));
        }
        let bare = written.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        let without_domain = bare.strip_suffix(".snowflakecomputing.com").or_else(|| bare.strip_suffix(".snowflakecomputing.cn"));
        if bare != written || without_domain.is_some() {
            let identifier = without_domain.unwrap_or(bare);
            return problem("is a URL, not an account identifier", format!("write `account = \"{identifier}\"`"));
        }
        if !written.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return problem("is not an account identifier", find);
        }
        let (first, rest) = written.split_once('.').map_or((written, None), |(first, rest)| (first, Some(rest)));
        let joined = first.split('-').count() >= 2 && first.split('-').all(|part| !part.is_empty());
        match rest {
            None if joined || is_locator(first) => {}
            Some(rest) if is_locator(first) && !rest.is_empty() => {}
            Some("privatelink") if joined => {}
            Some(rest) if !first.is_empty() && !rest.is_empty() => {
                // Every client cuts at the first dot, which would log in to an account named like the organisation.
                return problem(
                    "has a dot between organisation and account",
                    format!("write `account = \"{}\"`", written.replacen('.', "-", 1)),
                );
            }
            _ => return problem("is not of the form `ORGANISATION-ACCOUNT`", find),
        }
        Ok(Account { in_tokens: first.to_ascii_uppercase(), host_label: written.to_ascii_lowercase() })
    }

    pub(crate) fn default_url(&self) -> Result<Url, Problem> {
        parse_url(&format!("https://{}.snowflakecomputing.com", self.host_label))
    }
}

/// A locator of the older form: some letters, then digits.
fn is_locator(text: &str) -> bool {
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    (1..=4).contains(&(text.len() - digits.len())) && digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn parse_url(written: &str) -> Result<Url, Problem> {
    let problem =
        |message: &str, hint: Option<&str>| Err(Problem::new("url", format!("`{written}` {message}"), hint.map(str::to_owned)));
    let Ok(mut url) = Url::parse(written) else {
        return problem("is not a URL", Some("write it as `https://MYORG-MYACCT.snowflakecomputing.com`"));
    };
    let Some(host) = url.host_str().map(str::to_owned) else {
        return problem("names no host", None);
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) => {}
        "http" => return problem("would send the login over the network unencrypted", Some("write `https://`")),
        _ => return problem("is not an `https` URL", None),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::new(
            "url",
            "names a user or password",
            "leave them out; Snowgate logs in with the key pair".to_owned(),
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return problem("has more than scheme, host and port", None);
    }
    // Names of hosts with an underscore fail the certificate check; Snowflake serves the same account under the hyphen.
    if host.contains('_') && url.set_host(Some(&host.replace('_', "-"))).is_err() {
        return problem("names no valid host", None);
    }
    Ok(url)
}

/// Whether the name ends in `.localhost`, which means this machine wherever it is asked (RFC 6761).
pub(crate) fn is_below_localhost(host: &str) -> bool {
    host.len() > ".localhost".len() && host.to_ascii_lowercase().ends_with(".localhost")
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || is_below_localhost(bare)
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(written: &str) -> (String, String) {
        let account = Account::parse(written).unwrap();
        let url = account.default_url().unwrap();
        (account.in_tokens, url.host_str().unwrap().to_owned())
    }

    #[test]
    fn an_account_logs_in_under_the_name_that_the_official_clients_use() {
        let case = |written: &str, in_tokens: &str, host: &str| {
            assert_eq!(account(written), (in_tokens.to_owned(), format!("{host}.snowflakecomputing.com")), "{written}");
        };
        case("myorg-myacct", "MYORG-MYACCT", "myorg-myacct");
        case("myorg-my_acct", "MYORG-MY_ACCT", "myorg-my-acct");
        case("xy12345", "XY12345", "xy12345");
        case("xy12345.us-east-1", "XY12345", "xy12345.us-east-1");
        case("xy12345.us-east-2.aws", "XY12345", "xy12345.us-east-2.aws");
        case("xy12345.eu-central-1.privatelink", "XY12345", "xy12345.eu-central-1.privatelink");
        case("MyOrg-Acct.privatelink", "MYORG-ACCT", "myorg-acct.privatelink");
    }

    #[test]
    fn an_account_of_another_form_is_refused_with_the_right_one() {
        let case = |written: &str, message: &str, hint: &str| {
            let problem = Account::parse(written).err().expect("this form must be refused");
            assert_eq!((problem.message.as_str(), problem.hint.as_deref()), (message, Some(hint)));
        };
        let find = "Snowflake shows it for `SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME()`";
        case("", "is empty", find);
        case("myorg.my-acct", "`myorg.my-acct` has a dot between organisation and account", "write `account = \"myorg-my-acct\"`");
        case("MYACCT", "`MYACCT` is not of the form `ORGANISATION-ACCOUNT`", find);
        case("my org", "`my org` is not an account identifier", find);
        case("-acct", "`-acct` is not of the form `ORGANISATION-ACCOUNT`", find);
        case(
            "https://myorg-myacct.snowflakecomputing.com/",
            "`https://myorg-myacct.snowflakecomputing.com/` is a URL, not an account identifier",
            "write `account = \"myorg-myacct\"`",
        );
        case(
            "myorg-myacct.snowflakecomputing.com",
            "`myorg-myacct.snowflakecomputing.com` is a URL, not an account identifier",
            "write `account = \"myorg-myacct\"`",
        );
    }

    #[test]
    fn a_url_is_https_or_stays_on_this_machine() {
        for fine in [
            "https://a-b.snowflakecomputing.com",
            "https://127.0.0.1:8443/",
            "http://127.0.0.1:80",
            "http://[::1]:8085",
            "http://localhost",
        ] {
            assert!(parse_url(fine).is_ok(), "{fine}");
        }
        assert_eq!(parse_url("https://a-b_c.snowflakecomputing.com").unwrap().host_str(), Some("a-b-c.snowflakecomputing.com"));
        let message = |url| parse_url(url).expect_err("this URL must be refused").message;
        assert_eq!(message("a-b.snowflakecomputing.com"), "`a-b.snowflakecomputing.com` is not a URL");
        assert_eq!(message("http://10.0.0.1"), "`http://10.0.0.1` would send the login over the network unencrypted");
        assert_eq!(
            message("http://127.0.0.1.evil.example"),
            "`http://127.0.0.1.evil.example` would send the login over the network unencrypted"
        );
        assert_eq!(message("ftp://a-b.example"), "`ftp://a-b.example` is not an `https` URL");
        assert_eq!(message("https://a-b.example/console"), "`https://a-b.example/console` has more than scheme, host and port");
        assert_eq!(message("https://me:CANARY@a-b.example"), "names a user or password");
    }
}
