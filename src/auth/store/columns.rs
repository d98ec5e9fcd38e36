//! The user as the wire has it, in SQL.

/// An expression for a time as the wire has it; infinite and missing ones are null.
macro_rules! stamp {
    ($column:literal) => {
        concat!("to_char(", $column, r#" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#)
    };
}

/// A factor of `auth.mfa_factors f` as the wire has it, without its secrets.
macro_rules! factor_document {
    () => {
        concat!(
            "jsonb_strip_nulls(jsonb_build_object(
               'id', f.id,
               'created_at', ",
            stamp!("f.created_at"),
            ",
               'updated_at', ",
            stamp!("f.updated_at"),
            ",
               'status', f.status,
               'friendly_name', nullif(f.friendly_name, ''),
               'factor_type', f.factor_type,
               'phone', nullif(f.phone, ''),
               'last_challenged_at', ",
            stamp!("f.last_challenged_at"),
            "))"
        )
    };
}

/// Columns of a [`User`], of `auth.users u`. `document` is the user as the wire has it.
macro_rules! user {
    () => {
        concat!(
            "u.id,
             nullif(u.encrypted_password, '') as password_hash,
             u.confirmed_at is not null as is_confirmed,
             coalesce(u.banned_until > statement_timestamp(), false) as is_banned,
             u.is_sso_user as is_managed,
             (jsonb_build_object(
               'id', u.id,
               'aud', coalesce(u.aud, ''),
               'role', coalesce(u.role, ''),
               'email', coalesce(u.email, ''),
               'phone', coalesce(u.phone, ''),
               'app_metadata', coalesce(u.raw_app_meta_data, '{}'),
               'user_metadata', coalesce(u.raw_user_meta_data, '{}'),
               'is_anonymous', u.is_anonymous,
               'identities', coalesce(
                 (select jsonb_agg(
                    jsonb_build_object(
                      'identity_id', i.id,
                      'id', i.provider_id,
                      'user_id', i.user_id,
                      'identity_data', i.identity_data,
                      'provider', i.provider,
                      'last_sign_in_at', ",
            stamp!("i.last_sign_in_at"),
            ",
                      'created_at', ",
            stamp!("i.created_at"),
            ",
                      'updated_at', ",
            stamp!("i.updated_at"),
            ")
                    || jsonb_strip_nulls(jsonb_build_object('email', i.email))
                    order by i.created_at, i.id)
                    from auth.identities i
                   where i.user_id = u.id),
                 '[]'))
             || jsonb_strip_nulls(jsonb_build_object(
               'email_confirmed_at', ",
            stamp!("u.email_confirmed_at"),
            ",
               'invited_at', ",
            stamp!("u.invited_at"),
            ",
               'phone_confirmed_at', ",
            stamp!("u.phone_confirmed_at"),
            ",
               'confirmation_sent_at', ",
            stamp!("u.confirmation_sent_at"),
            ",
               'confirmed_at', ",
            stamp!("u.confirmed_at"),
            ",
               'recovery_sent_at', ",
            stamp!("u.recovery_sent_at"),
            ",
               'new_email', nullif(u.email_change, ''),
               'email_change_sent_at', ",
            stamp!("u.email_change_sent_at"),
            ",
               'new_phone', nullif(u.phone_change, ''),
               'phone_change_sent_at', ",
            stamp!("u.phone_change_sent_at"),
            ",
               'reauthentication_sent_at', ",
            stamp!("u.reauthentication_sent_at"),
            ",
               'last_sign_in_at', ",
            stamp!("u.last_sign_in_at"),
            ",
               'created_at', ",
            stamp!("u.created_at"),
            ",
               'updated_at', ",
            stamp!("u.updated_at"),
            ",
               'banned_until', ",
            stamp!("u.banned_until"),
            ",
               'deleted_at', ",
            stamp!("u.deleted_at"),
            ",
               'factors',
                 (select jsonb_agg(",
            factor_document!(),
            " order by f.created_at, f.id)
                    from auth.mfa_factors f
                   where f.user_id = u.id))))::text as document"
        )
    };
}

/// Columns of a [`Factor`], of `auth.mfa_factors f`. `document` is the factor as the wire has it.
macro_rules! factor {
    () => {
        concat!(
            "f.id,
             f.factor_type::text as kind,
             f.status = 'verified' as is_verified,
             coalesce(f.friendly_name, '') as friendly_name,
             nullif(f.phone, '') as phone,
             f.secret,
             f.web_authn_credential,
             case when f.locked_until > now()
                  then ceil(extract(epoch from f.locked_until - now()))::bigint
             end as rests_seconds,
             ",
            factor_document!(),
            "::text as document"
        )
    };
}
