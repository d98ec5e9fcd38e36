export type Json =
  | string
  | number
  | boolean
  | null
  | { [key: string]: Json | undefined }
  | Json[]

export type Database = {
  __InternalSupabase: { PostgrestVersion: "14" }
  public: {
    Tables: {
      badges: {
        Row: {
          color: string
          person_id: number
        }
        Insert: {
          color?: string
          person_id: number
        }
        Update: {
          color?: string
          person_id?: number
        }
        Relationships: [
          {
            foreignKeyName: "badges_person_id_fkey"
            columns: ["person_id"]
            isOneToOne: true
            referencedRelation: "people"
            referencedColumns: ["id"]
          },
        ]
      }
      books: {
        Row: {
          author_id: number | null
          editor_id: number | null
          id: number
          title: string
          year: number | null
        }
        Insert: {
          author_id?: number | null
          editor_id?: number | null
          id?: number
          title?: string
          year?: number | null
        }
        Update: {
          author_id?: number | null
          editor_id?: number | null
          id?: number
          title?: string
          year?: number | null
        }
        Relationships: [
          {
            foreignKeyName: "books_author_id_fkey"
            columns: ["author_id"]
            isOneToOne: false
            referencedRelation: "people"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "books_editor_id_fkey"
            columns: ["editor_id"]
            isOneToOne: false
            referencedRelation: "people"
            referencedColumns: ["id"]
          },
        ]
      }
      diaries: {
        Row: {
          id: number
          text: string | null
        }
        Insert: {
          id: number
          text?: string | null
        }
        Update: {
          id?: number
          text?: string | null
        }
        Relationships: []
      }
      loans: {
        Row: {
          book_id: number
          person_id: number
        }
        Insert: {
          book_id: number
          person_id: number
        }
        Update: {
          book_id?: number
          person_id?: number
        }
        Relationships: [
          {
            foreignKeyName: "loans_book_id_fkey"
            columns: ["book_id"]
            isOneToOne: false
            referencedRelation: "books"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "loans_book_id_fkey"
            columns: ["book_id"]
            isOneToOne: false
            referencedRelation: "titles"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "loans_person_id_fkey"
            columns: ["person_id"]
            isOneToOne: false
            referencedRelation: "people"
            referencedColumns: ["id"]
          },
        ]
      }
      "odd names": {
        Row: {
          "a b": Database["public"]["Enums"]["mood"] | null
          at: Database["public"]["CompositeTypes"]["place"] | null
          doc: Json
          id: number
          isbn: string
          moods: Database["public"]["Enums"]["mood"][] | null
          owner: Database["public"]["Tables"]["people"]["Row"] | null
        }
        Insert: {
          "a b"?: Database["public"]["Enums"]["mood"] | null
          at?: Database["public"]["CompositeTypes"]["place"] | null
          doc?: Json
          id?: never
          isbn: string
          moods?: Database["public"]["Enums"]["mood"][] | null
          owner?: Database["public"]["Tables"]["people"]["Row"] | null
        }
        Update: {
          "a b"?: Database["public"]["Enums"]["mood"] | null
          at?: Database["public"]["CompositeTypes"]["place"] | null
          doc?: Json
          id?: never
          isbn?: string
          moods?: Database["public"]["Enums"]["mood"][] | null
          owner?: Database["public"]["Tables"]["people"]["Row"] | null
        }
        Relationships: []
      }
      people: {
        Row: {
          boss_id: number | null
          extra: Json | null
          id: number
          name: string
          nick: string | null
        }
        Insert: {
          boss_id?: number | null
          extra?: Json | null
          id?: number
          name: string
          nick?: string | null
        }
        Update: {
          boss_id?: number | null
          extra?: Json | null
          id?: number
          name?: string
          nick?: string | null
        }
        Relationships: [
          {
            foreignKeyName: "people_boss_id_fkey"
            columns: ["boss_id"]
            isOneToOne: false
            referencedRelation: "people"
            referencedColumns: ["id"]
          },
        ]
      }
    }
    Views: {
      counted: {
        Row: {
          count: number | null
        }
        Relationships: []
      }
      titles: {
        Row: {
          id: number | null
          title: string | null
        }
        Insert: {
          id?: number | null
          title?: string | null
        }
        Update: {
          id?: number | null
          title?: string | null
        }
        Relationships: []
      }
    }
    Functions: {
      add: { Args: { a: number; b?: number }; Returns: number }
      answer_by_hand: { Args: never; Returns: undefined }
      asked: { Args: never; Returns: Json }
      books_of: { Args: { person: number }; Returns: Database["public"]["Tables"]["books"]["Row"][] }
      delete_my_account: { Args: never; Returns: undefined }
      echo: { Args: { "": Json }; Returns: Json }
      forget: { Args: never; Returns: undefined }
      found: { Args: { term: string; most?: number }; Returns: ({ id: number; title: string })[] }
      hire: { Args: { name: string }; Returns: Database["public"]["Tables"]["people"]["Row"] }
      initial: { Args: { p: Database["public"]["Tables"]["people"]["Row"] }; Returns: string }
      my_sessions: { Args: never; Returns: ({ id: string; device: string; address: string; created_at: string; last_used_at: string; aal: string; is_current: boolean; client_name: string })[] }
      person_of: { Args: { person: number }; Returns: Database["public"]["Tables"]["people"]["Row"] }
      pick:
        | { Args: { a: number }; Returns: number }
        | { Args: { a: string }; Returns: number }
      refuse: { Args: never; Returns: undefined }
      revoke_session: { Args: { id: string }; Returns: boolean }
      total: { Args: { n: number[] }; Returns: number }
      with_headers: { Args: never; Returns: number }
    }
    Enums: {
      mood: "sad" | "so glad"
    }
    CompositeTypes: {
      place: {
        shelf: string | null
        level: number | null
      }
    }
  }
  other: {
    Tables: {
      things: {
        Row: {
          book: number | null
          id: number
        }
        Insert: {
          book?: number | null
          id: number
        }
        Update: {
          book?: number | null
          id?: number
        }
        Relationships: [
          {
            foreignKeyName: "things_book_fkey"
            columns: ["book"]
            isOneToOne: false
            referencedRelation: "books"
            referencedColumns: ["id"]
          },
          {
            foreignKeyName: "things_book_fkey"
            columns: ["book"]
            isOneToOne: false
            referencedRelation: "titles"
            referencedColumns: ["id"]
          },
        ]
      }
    }
    Views: {
      [_ in never]: never
    }
    Functions: {
      [_ in never]: never
    }
    Enums: {
      [_ in never]: never
    }
    CompositeTypes: {
      [_ in never]: never
    }
  }
}

type Schemas = Omit<Database, "__InternalSupabase">

type DefaultSchema = Schemas["public"]

type Part<S extends keyof Schemas, P extends string> = P extends "Relations"
  ? Schemas[S]["Tables"] & Schemas[S]["Views"]
  : P extends keyof Schemas[S]
    ? Schemas[S][P]
    : never

type Choose<Options, Name, P extends string> = Options extends { schema: infer S extends keyof Schemas }
  ? Name extends keyof Part<S, P>
    ? Part<S, P>[Name]
    : never
  : Options extends keyof Part<"public", P>
    ? Part<"public", P>[Options]
    : never

type Names<P extends string> = keyof Part<"public", P> | { schema: keyof Schemas }

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

export const Constants = {
  public: {
    Enums: {
      mood: ["sad","so glad"],
    },
  },
  other: {
    Enums: {
    },
  },
} as const
