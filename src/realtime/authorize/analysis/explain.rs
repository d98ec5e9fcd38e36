//! What was understood of policies, in words for a DBA, and as a row of
//! `realtime.compiled_policies`.
