//! Tries the road into Snowflake and moves nothing: no channel is opened, no table is made.
//!
//! Each step answers on its own. A step whose ground is missing (a token without a host to ask it for) is left out, for the failed
//! step before it already says why; every other step runs even where one before it failed.

use crate::client::Client;
use crate::error::{Error, Failure};
use crate::row::RowMode;
use crate::sql::{self, TableName};

/// One thing that was tried.
#[derive(Debug)]
pub struct CheckStep {
    pub name: String,
    /// What was found, in a few words.
    pub result: Result<String, CheckError>,
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Request(#[from] Error),

    /// The table is there, but rows would not fit it.
    #[error("table {table} cannot take the rows: {reason}")]
    UnfitTable { table: TableName, reason: String },
}

impl CheckError {
    /// What its reader can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            CheckError::Request(error) => error.hint(),
            CheckError::UnfitTable { .. } => Some("load into another table, or change this one's columns".to_owned()),
        }
    }
}

/// Whether the account can be reached and takes the login; what is wrong where it does not.
pub async fn check_login(client: &Client) -> Option<Error> {
    let account = client.account();
    match account.ask_hostname().await {
        Ok(host) => account.ask_token(&host).await.err(),
        Err(error) => Some(error),
    }
}

/// Tries the host that takes rows, the token for it, the schema, and each table.
pub async fn check(client: &Client, tables: &[(TableName, RowMode)]) -> Vec<CheckStep> {
    let account = client.account();
    let mut steps = Vec::new();
    let mut step = |name: String, result: Result<String, CheckError>| steps.push(CheckStep { name, result });

    match account.ask_hostname().await {
        Ok(host) => {
            let token = account.ask_token(&host).await;
            step("host that takes rows".to_owned(), Ok(format!("`{host}`")));
            let user = format!("user `{}` of account `{}`", client.settings().user, client.settings().account);
            step("token for loading".to_owned(), token.map(|_| user).map_err(CheckError::from));
        }
        Err(error) => step("host that takes rows".to_owned(), Err(error.into())),
    }

    let (database, schema) = (&client.settings().database, &client.settings().schema);
    let looked = client.execute(&sql::look_into_schema(database, schema)).await;
    let schema_is_there = looked.is_ok();
    step(format!("schema `{database}.{schema}`"), looked.map(|_| "is there".to_owned()).map_err(CheckError::from));

    for (table, mode) in tables {
        let result = match client.execute(&sql::describe_table(table)).await {
            Ok(described) => match sql::unfit_columns(&described, *mode) {
                None => Ok("is there".to_owned()),
                Some(reason) => Err(CheckError::UnfitTable { table: table.clone(), reason }),
            },
            Err(error) if error.outcome() == Failure::ObjectMissing && schema_is_there => Ok("will be created".to_owned()),
            Err(error) => Err(error.into()),
        };
        step(format!("table {table}"), result);
    }
    steps
}

#[cfg(test)]
mod tests;
