type Schemas = Omit<Database, "__InternalSupabase">

type DefaultSchema = Schemas[$DEFAULT]

type Part<S extends keyof Schemas, P extends string> = P extends "Relations"
  ? Schemas[S]["Tables"] & Schemas[S]["Views"]
  : P extends keyof Schemas[S]
    ? Schemas[S][P]
    : never

type Choose<Options, Name, P extends string> = Options extends { schema: infer S extends keyof Schemas }
  ? Name extends keyof Part<S, P>
    ? Part<S, P>[Name]
    : never
  : Options extends keyof Part<$DEFAULT, P>
    ? Part<$DEFAULT, P>[Options]
    : never

type Names<P extends string> = keyof Part<$DEFAULT, P> | { schema: keyof Schemas }

type NamesIn<Options, P extends string> = Options extends { schema: infer S extends keyof Schemas }
  ? keyof Part<S, P>
  : never

export type Tables<
  Options extends Names<"Relations">,
  Name extends NamesIn<Options, "Relations"> = never,
> = Choose<Options, Name, "Relations"> extends { Row: infer Row } ? Row : never

export type TablesInsert<
  Options extends Names<"Tables">,
  Name extends NamesIn<Options, "Tables"> = never,
> = Choose<Options, Name, "Tables"> extends { Insert: infer Insert } ? Insert : never

export type TablesUpdate<
  Options extends Names<"Tables">,
  Name extends NamesIn<Options, "Tables"> = never,
> = Choose<Options, Name, "Tables"> extends { Update: infer Update } ? Update : never

export type Enums<
  Options extends Names<"Enums">,
  Name extends NamesIn<Options, "Enums"> = never,
> = Choose<Options, Name, "Enums">

export type CompositeTypes<
  Options extends Names<"CompositeTypes">,
  Name extends NamesIn<Options, "CompositeTypes"> = never,
> = Choose<Options, Name, "CompositeTypes">
