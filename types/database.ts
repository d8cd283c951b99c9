export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  
  "public": {
          Tables: {
            "categories": {
                  Row: {
                    "label": string,"position": number,"slug": string
                  }
                  ComputedFields: never
                  Insert: {
                    "label": string,"position": number,"slug": string
                  }
                  Update: {
                    "label"?: string,"position"?: number,"slug"?: string
                  }
                  Relationships: [
                    
                  ]
                },"countries": {
                  Row: {
                    "code": string,"name": string
                  }
                  ComputedFields: never
                  Insert: {
                    "code": string,"name": string
                  }
                  Update: {
                    "code"?: string,"name"?: string
                  }
                  Relationships: [
                    
                  ]
                },"daily_reports": {
                  Row: {
                    "created_at": string,"property_count": number | null,"report_date": string,"sent_at": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"property_count"?: number | null,"report_date": string,"sent_at"?: string | null
                  }
                  Update: {
                    "created_at"?: string,"property_count"?: number | null,"report_date"?: string,"sent_at"?: string | null
                  }
                  Relationships: [
                    
                  ]
                },"favorites": {
                  Row: {
                    "created_at": string,"property_id": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "created_at"?: string,"property_id": string,"user_id"?: string
                  }
                  Update: {
                    "created_at"?: string,"property_id"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "favorites_property_id_fkey"
      columns: ["property_id"]
isOneToOne: false
      referencedRelation: "properties"
      referencedColumns: ["id"]
    }
                  ]
                },"inquiries": {
                  Row: {
                    "assigned_at": string | null,"assigned_to": string | null,"created_at": string,"due_at": string | null,"first_response_at": string | null,"id": string,"left_queue_at": string | null,"message": string,"rating": number | null,"rating_comment": string | null,"reservation_id": string | null,"resolved_at": string | null,"severity": Database["public"]['Enums']["inquiry_severity"],"status": Database["public"]['Enums']["inquiry_status"],"subject": string,"updated_at": string,"user_id": string | null,"visitor_name": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "assigned_at"?: string | null,"assigned_to"?: string | null,"created_at"?: string,"due_at"?: string | null,"first_response_at"?: string | null,"id"?: string,"left_queue_at"?: string | null,"message": string,"rating"?: number | null,"rating_comment"?: string | null,"reservation_id"?: string | null,"resolved_at"?: string | null,"severity"?: Database["public"]['Enums']["inquiry_severity"],"status"?: Database["public"]['Enums']["inquiry_status"],"subject": string,"updated_at"?: string,"user_id"?: string | null,"visitor_name"?: string | null
                  }
                  Update: {
                    "assigned_at"?: string | null,"assigned_to"?: string | null,"created_at"?: string,"due_at"?: string | null,"first_response_at"?: string | null,"id"?: string,"left_queue_at"?: string | null,"message"?: string,"rating"?: number | null,"rating_comment"?: string | null,"reservation_id"?: string | null,"resolved_at"?: string | null,"severity"?: Database["public"]['Enums']["inquiry_severity"],"status"?: Database["public"]['Enums']["inquiry_status"],"subject"?: string,"updated_at"?: string,"user_id"?: string | null,"visitor_name"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "inquiries_assigned_to_fkey"
      columns: ["assigned_to"]
isOneToOne: false
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "inquiries_reservation_id_fkey"
      columns: ["reservation_id"]
isOneToOne: false
      referencedRelation: "reservations"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "inquiries_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    }
                  ]
                },"inquiry_events": {
                  Row: {
                    "actor_id": string | null,"change": Database["public"]['Enums']["inquiry_change"],"created_at": string,"from_value": string | null,"id": string,"inquiry_id": string,"to_value": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "actor_id"?: string | null,"change": Database["public"]['Enums']["inquiry_change"],"created_at"?: string,"from_value"?: string | null,"id"?: string,"inquiry_id": string,"to_value"?: string | null
                  }
                  Update: {
                    "actor_id"?: string | null,"change"?: Database["public"]['Enums']["inquiry_change"],"created_at"?: string,"from_value"?: string | null,"id"?: string,"inquiry_id"?: string,"to_value"?: string | null
                  }
                  Relationships: [
                    {
      foreignKeyName: "inquiry_events_actor_id_fkey"
      columns: ["actor_id"]
isOneToOne: false
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "inquiry_events_inquiry_id_fkey"
      columns: ["inquiry_id"]
isOneToOne: false
      referencedRelation: "inquiries"
      referencedColumns: ["id"]
    }
                  ]
                },"inquiry_messages": {
                  Row: {
                    "author_id": string,"author_role": Database["public"]['Enums']["user_role"],"body": string,"created_at": string,"id": string,"inquiry_id": string,"internal": boolean
                  }
                  ComputedFields: never
                  Insert: {
                    "author_id"?: string,"author_role"?: Database["public"]['Enums']["user_role"],"body": string,"created_at"?: string,"id"?: string,"inquiry_id": string,"internal"?: boolean
                  }
                  Update: {
                    "author_id"?: string,"author_role"?: Database["public"]['Enums']["user_role"],"body"?: string,"created_at"?: string,"id"?: string,"inquiry_id"?: string,"internal"?: boolean
                  }
                  Relationships: [
                    {
      foreignKeyName: "inquiry_messages_author_id_fkey"
      columns: ["author_id"]
isOneToOne: false
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "inquiry_messages_inquiry_id_fkey"
      columns: ["inquiry_id"]
isOneToOne: false
      referencedRelation: "inquiries"
      referencedColumns: ["id"]
    }
                  ]
                },"invoices": {
                  Row: {
                    "buyer": NonNullable<Json>,"corrects_id": string | null,"currency": string,"id": string,"issued_at": string,"kind": Database["public"]['Enums']["invoice_kind"],"lines": NonNullable<Json>,"number": string,"payment_id": string,"pdf_path": string | null,"pdf_sha256": string | null,"reservation_id": string,"seller": NonNullable<Json>,"subtotal": number,"tax": number,"total": number,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "buyer": NonNullable<Json>,"corrects_id"?: string | null,"currency": string,"id"?: string,"issued_at"?: string,"kind": Database["public"]['Enums']["invoice_kind"],"lines": NonNullable<Json>,"number": string,"payment_id": string,"pdf_path"?: string | null,"pdf_sha256"?: string | null,"reservation_id": string,"seller": NonNullable<Json>,"subtotal": number,"tax": number,"total": number,"user_id": string
                  }
                  Update: {
                    "buyer"?: NonNullable<Json>,"corrects_id"?: string | null,"currency"?: string,"id"?: string,"issued_at"?: string,"kind"?: Database["public"]['Enums']["invoice_kind"],"lines"?: NonNullable<Json>,"number"?: string,"payment_id"?: string,"pdf_path"?: string | null,"pdf_sha256"?: string | null,"reservation_id"?: string,"seller"?: NonNullable<Json>,"subtotal"?: number,"tax"?: number,"total"?: number,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "invoices_corrects_id_fkey"
      columns: ["corrects_id"]
isOneToOne: false
      referencedRelation: "invoices"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "invoices_payment_id_fkey"
      columns: ["payment_id"]
isOneToOne: false
      referencedRelation: "payments"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "invoices_reservation_id_fkey"
      columns: ["reservation_id"]
isOneToOne: false
      referencedRelation: "reservations"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "invoices_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    }
                  ]
                },"payments": {
                  Row: {
                    "amount": number,"amount_refunded": number,"created_at": string,"currency": string,"id": string,"paid_at": string | null,"reservation_id": string,"status": Database["public"]['Enums']["payment_status"],"stripe_checkout_session_id": string | null,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "amount": number,"amount_refunded"?: number,"created_at"?: string,"currency": string,"id"?: string,"paid_at"?: string | null,"reservation_id": string,"status"?: Database["public"]['Enums']["payment_status"],"stripe_checkout_session_id"?: string | null,"user_id": string
                  }
                  Update: {
                    "amount"?: number,"amount_refunded"?: number,"created_at"?: string,"currency"?: string,"id"?: string,"paid_at"?: string | null,"reservation_id"?: string,"status"?: Database["public"]['Enums']["payment_status"],"stripe_checkout_session_id"?: string | null,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "payments_reservation_id_fkey"
      columns: ["reservation_id"]
isOneToOne: false
      referencedRelation: "reservations"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "payments_user_id_fkey"
      columns: ["user_id"]
isOneToOne: false
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    }
                  ]
                },"profiles": {
                  Row: {
                    "avatar_path": string | null,"created_at": string,"id": string,"name": string,"provider_avatar_url": string | null,"updated_at": string,"avatar_url": string | null
                  }
                  ComputedFields: "avatar_url"
                  Insert: {
                    "avatar_path"?: string | null,"created_at"?: string,"id": string,"name": string,"provider_avatar_url"?: string | null,"updated_at"?: string
                  }
                  Update: {
                    "avatar_path"?: string | null,"created_at"?: string,"id"?: string,"name"?: string,"provider_avatar_url"?: string | null,"updated_at"?: string
                  }
                  Relationships: [
                    
                  ]
                },"properties": {
                  Row: {
                    "bathrooms": number,"bedrooms": number,"category": string,"city": string,"country_code": string,"created_at": string,"currency": string,"description": string,"guests": number,"host_id": string,"id": string,"price_per_night": number,"status": Database["public"]['Enums']["property_status"],"title": string,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "bathrooms"?: number,"bedrooms"?: number,"category": string,"city": string,"country_code": string,"created_at"?: string,"currency"?: string,"description"?: string,"guests"?: number,"host_id"?: string,"id"?: string,"price_per_night": number,"status"?: Database["public"]['Enums']["property_status"],"title": string,"updated_at"?: string
                  }
                  Update: {
                    "bathrooms"?: number,"bedrooms"?: number,"category"?: string,"city"?: string,"country_code"?: string,"created_at"?: string,"currency"?: string,"description"?: string,"guests"?: number,"host_id"?: string,"id"?: string,"price_per_night"?: number,"status"?: Database["public"]['Enums']["property_status"],"title"?: string,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "properties_category_fkey"
      columns: ["category"]
isOneToOne: false
      referencedRelation: "categories"
      referencedColumns: ["slug"]
    },{
      foreignKeyName: "properties_country_code_fkey"
      columns: ["country_code"]
isOneToOne: false
      referencedRelation: "countries"
      referencedColumns: ["code"]
    },{
      foreignKeyName: "properties_host_id_fkey"
      columns: ["host_id"]
isOneToOne: false
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    }
                  ]
                },"property_blocks": {
                  Row: {
                    "check_in": string,"check_out": string,"created_at": string,"id": string,"note": string,"property_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "check_in": string,"check_out": string,"created_at"?: string,"id"?: string,"note"?: string,"property_id": string
                  }
                  Update: {
                    "check_in"?: string,"check_out"?: string,"created_at"?: string,"id"?: string,"note"?: string,"property_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "property_blocks_property_id_fkey"
      columns: ["property_id"]
isOneToOne: false
      referencedRelation: "properties"
      referencedColumns: ["id"]
    }
                  ]
                },"property_images": {
                  Row: {
                    "alt_text": string,"created_at": string,"id": string,"path": string,"position": number,"property_id": string,"url": string | null
                  }
                  ComputedFields: "url"
                  Insert: {
                    "alt_text"?: string,"created_at"?: string,"id"?: string,"path": string,"position"?: number,"property_id": string
                  }
                  Update: {
                    "alt_text"?: string,"created_at"?: string,"id"?: string,"path"?: string,"position"?: number,"property_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "property_images_property_id_fkey"
      columns: ["property_id"]
isOneToOne: false
      referencedRelation: "properties"
      referencedColumns: ["id"]
    }
                  ]
                },"reservations": {
                  Row: {
                    "cancelled_at": string | null,"cancelled_by": Database["public"]['Enums']["cancelling_party"] | null,"check_in": string,"check_out": string,"created_at": string,"currency": string,"guest_id": string,"guests": number,"hold_expires_at": string | null,"id": string,"nights": number,"price_per_night": number,"property_id": string,"refund_amount": number,"service_fee": number,"status": Database["public"]['Enums']["reservation_status"],"subtotal": number,"total": number,"updated_at": string
                  }
                  ComputedFields: never
                  Insert: {
                    "cancelled_at"?: string | null,"cancelled_by"?: Database["public"]['Enums']["cancelling_party"] | null,"check_in": string,"check_out": string,"created_at"?: string,"currency": string,"guest_id": string,"guests": number,"hold_expires_at"?: string | null,"id"?: string,"nights"?: never,"price_per_night": number,"property_id": string,"refund_amount"?: number,"service_fee": number,"status"?: Database["public"]['Enums']["reservation_status"],"subtotal": number,"total"?: never,"updated_at"?: string
                  }
                  Update: {
                    "cancelled_at"?: string | null,"cancelled_by"?: Database["public"]['Enums']["cancelling_party"] | null,"check_in"?: string,"check_out"?: string,"created_at"?: string,"currency"?: string,"guest_id"?: string,"guests"?: number,"hold_expires_at"?: string | null,"id"?: string,"nights"?: never,"price_per_night"?: number,"property_id"?: string,"refund_amount"?: number,"service_fee"?: number,"status"?: Database["public"]['Enums']["reservation_status"],"subtotal"?: number,"total"?: never,"updated_at"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "reservations_guest_id_fkey"
      columns: ["guest_id"]
isOneToOne: false
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    },{
      foreignKeyName: "reservations_property_id_fkey"
      columns: ["property_id"]
isOneToOne: false
      referencedRelation: "properties"
      referencedColumns: ["id"]
    }
                  ]
                },"user_roles": {
                  Row: {
                    "role": Database["public"]['Enums']["user_role"],"updated_at": string,"user_id": string
                  }
                  ComputedFields: never
                  Insert: {
                    "role"?: Database["public"]['Enums']["user_role"],"updated_at"?: string,"user_id": string
                  }
                  Update: {
                    "role"?: Database["public"]['Enums']["user_role"],"updated_at"?: string,"user_id"?: string
                  }
                  Relationships: [
                    {
      foreignKeyName: "user_roles_user_id_fkey"
      columns: ["user_id"]
isOneToOne: true
      referencedRelation: "profiles"
      referencedColumns: ["id"]
    }
                  ]
                }
          }
          Views: {
            [_ in never]: never
          }
          Functions: {
            "avatar_url":
{ Args: { "profile": Omit<Database["public"]['Tables']["profiles"]['Row'], Database["public"]['Tables']["profiles"]['ComputedFields']> }; Returns: string
                           },
"cancel_reservation":
{ Args: { "reservation_id": string }; Returns: {
              "cancelled_at": string | null,
"cancelled_by": Database["public"]['Enums']["cancelling_party"] | null,
"check_in": string,
"check_out": string,
"created_at": string,
"currency": string,
"guest_id": string,
"guests": number,
"hold_expires_at": string | null,
"id": string,
"nights": number,
"price_per_night": number,
"property_id": string,
"refund_amount": number,
"service_fee": number,
"status": Database["public"]['Enums']["reservation_status"],
"subtotal": number,
"total": number,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "reservations"
        isOneToOne: true
        isSetofReturn: false
      } },
"failed_jobs":
{ Args: { "page_size"?: number }; Returns: {
              "attempts": number,"created_at": string,"failed_at": string,"id": string,"kind": string,"last_error": string,"payload": Json
            }[]
                           },
"inquiry_queue":
{ Args: { "assigned_to"?: string,"overdue_only"?: boolean,"page_cursor"?: string,"page_size"?: number,"severity"?: Database["public"]['Enums']["inquiry_severity"],"unassigned_only"?: boolean }; Returns: Database["public"]['CompositeTypes']["inquiry_in_queue"][]
                          SetofOptions: {
        from: "*"
        to: "inquiry_in_queue"
        isOneToOne: false
        isSetofReturn: true
      } },
"inquiry_stats":
{ Args: { "from_date": string,"to_date": string }; Returns: Database["public"]['CompositeTypes']["inquiry_statistics"][]
                          SetofOptions: {
        from: "*"
        to: "inquiry_statistics"
        isOneToOne: false
        isSetofReturn: true
      } },
"job_stats":
{ Args: Record<PropertyKey, never>; Returns: Database["public"]['CompositeTypes']["job_statistics"]
                          SetofOptions: {
        from: "*"
        to: "job_statistics"
        isOneToOne: true
        isSetofReturn: false
      } },
"list_agents":
{ Args: Record<PropertyKey, never>; Returns: {
              "email": string,"id": string,"name": string,"open_inquiries": number
            }[]
                           },
"me":
{ Args: Record<PropertyKey, never>; Returns: Database["public"]['CompositeTypes']["account"]
                          SetofOptions: {
        from: "*"
        to: "account"
        isOneToOne: true
        isSetofReturn: false
      } },
"order_images":
{ Args: { "image_ids": (string)[],"property_id": string }; Returns: {
              "alt_text": string,
"created_at": string,
"id": string,
"path": string,
"position": number,
"property_id": string
            }[]
                          SetofOptions: {
        from: "*"
        to: "property_images"
        isOneToOne: false
        isSetofReturn: true
      } },
"preview_cancellation":
{ Args: { "reservation_id": string }; Returns: Database["public"]['CompositeTypes']["cancellation_preview"]
                          SetofOptions: {
        from: "*"
        to: "cancellation_preview"
        isOneToOne: true
        isSetofReturn: false
      } },
"quote_stay":
{ Args: { "check_in": string,"check_out": string,"guests": number,"property_id": string }; Returns: Database["public"]['CompositeTypes']["stay_quote"]
                          SetofOptions: {
        from: "*"
        to: "stay_quote"
        isOneToOne: true
        isSetofReturn: false
      } },
"rate_inquiry":
{ Args: { "comment"?: string,"inquiry_id": string,"rating": number }; Returns: {
              "assigned_at": string | null,
"assigned_to": string | null,
"created_at": string,
"due_at": string | null,
"first_response_at": string | null,
"id": string,
"left_queue_at": string | null,
"message": string,
"rating": number | null,
"rating_comment": string | null,
"reservation_id": string | null,
"resolved_at": string | null,
"severity": Database["public"]['Enums']["inquiry_severity"],
"status": Database["public"]['Enums']["inquiry_status"],
"subject": string,
"updated_at": string,
"user_id": string | null,
"visitor_name": string | null
            }
                          SetofOptions: {
        from: "*"
        to: "inquiries"
        isOneToOne: true
        isSetofReturn: false
      } },
"release_hold":
{ Args: { "reservation_id": string }; Returns: {
              "cancelled_at": string | null,
"cancelled_by": Database["public"]['Enums']["cancelling_party"] | null,
"check_in": string,
"check_out": string,
"created_at": string,
"currency": string,
"guest_id": string,
"guests": number,
"hold_expires_at": string | null,
"id": string,
"nights": number,
"price_per_night": number,
"property_id": string,
"refund_amount": number,
"service_fee": number,
"status": Database["public"]['Enums']["reservation_status"],
"subtotal": number,
"total": number,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "reservations"
        isOneToOne: true
        isSetofReturn: false
      } },
"reserve":
{ Args: { "check_in": string,"check_out": string,"guests": number,"property_id": string }; Returns: {
              "cancelled_at": string | null,
"cancelled_by": Database["public"]['Enums']["cancelling_party"] | null,
"check_in": string,
"check_out": string,
"created_at": string,
"currency": string,
"guest_id": string,
"guests": number,
"hold_expires_at": string | null,
"id": string,
"nights": number,
"price_per_night": number,
"property_id": string,
"refund_amount": number,
"service_fee": number,
"status": Database["public"]['Enums']["reservation_status"],
"subtotal": number,
"total": number,
"updated_at": string
            }
                          SetofOptions: {
        from: "*"
        to: "reservations"
        isOneToOne: true
        isSetofReturn: false
      } },
"retry_job":
{ Args: { "job_id": string }; Returns: undefined
                           },
"search_properties":
{ Args: { "bathrooms"?: number,"bedrooms"?: number,"category"?: string,"check_in"?: string,"check_out"?: string,"country"?: string,"favorites_only"?: boolean,"guests"?: number,"host"?: string,"max_price"?: number,"min_price"?: number,"page_cursor"?: string,"page_size"?: number,"query"?: string,"sort"?: string }; Returns: Database["public"]['CompositeTypes']["property_result"][]
                          SetofOptions: {
        from: "*"
        to: "property_result"
        isOneToOne: false
        isSetofReturn: true
      } },
"search_users":
{ Args: { "page_size"?: number,"query"?: string }; Returns: {
              "created_at": string,"email": string,"id": string,"name": string,"role": Database["public"]['Enums']["user_role"]
            }[]
                           },
"set_user_role":
{ Args: { "role": Database["public"]['Enums']["user_role"],"user_id": string }; Returns: undefined
                           },
"toggle_favorite":
{ Args: { "property_id": string }; Returns: boolean
                           },
"unavailable_ranges":
{ Args: { "from_date": string,"property_id": string,"to_date": string }; Returns: {
              "check_in": string,"check_out": string
            }[]
                           },
"url":
{ Args: { "image": Omit<Database["public"]['Tables']["property_images"]['Row'], Database["public"]['Tables']["property_images"]['ComputedFields']> }; Returns: string
                           }
          }
          Enums: {
            "cancelling_party": "guest"|"host"|"staff","inquiry_change": "author"|"status"|"severity"|"assigned_to"|"overdue"|"rating","inquiry_severity": "normal"|"high"|"urgent","inquiry_status": "active"|"pending"|"resolved","invoice_kind": "invoice"|"credit_note","payment_status": "pending"|"paid"|"failed"|"expired"|"refunded"|"partially_refunded"|"disputed","property_status": "draft"|"listed"|"archived","reservation_status": "held"|"confirmed"|"cancelled"|"expired"|"completed","user_role": "user"|"customer_service"|"admin"
          }
          CompositeTypes: {
            "account": {
                        "id": string | null,"email": string | null,"name": string | null,"avatar_url": string | null,"role": Database["public"]['Enums']["user_role"] | null,"created_at": string | null
                      },"cancellation_preview": {
                        "refund_amount": number | null,"currency": string | null
                      },"inquiry_in_queue": {
                        "id": string | null,"subject": string | null,"severity": Database["public"]['Enums']["inquiry_severity"] | null,"status": Database["public"]['Enums']["inquiry_status"] | null,"user_id": string | null,"author_name": string | null,"assigned_to": string | null,"agent_name": string | null,"due_at": string | null,"is_overdue": boolean | null,"first_response_at": string | null,"created_at": string | null,"updated_at": string | null,"page_cursor": string | null
                      },"inquiry_statistics": {
                        "severity": Database["public"]['Enums']["inquiry_severity"] | null,"agent_id": string | null,"agent_name": string | null,"grouped_by": string | null,"opened": number | null,"resolved": number | null,"first_response_median_seconds": number | null,"first_response_p90_seconds": number | null,"resolution_median_seconds": number | null,"resolution_p90_seconds": number | null,"ratings": number | null,"average_rating": number | null
                      },"job_statistics": {
                        "queued": number | null,"running": number | null,"failed": number | null,"oldest_due_at": string | null,"oldest_due_seconds": number | null,"last_call_at": string | null,"last_call_status": number | null,"last_call_error": string | null,"kinds": Json | null
                      },"property_result": {
                        "id": string | null,"title": string | null,"country_code": string | null,"city": string | null,"category": string | null,"price_per_night": number | null,"currency": string | null,"bedrooms": number | null,"bathrooms": number | null,"guests": number | null,"host_id": string | null,"host_name": string | null,"cover_url": string | null,"is_favorite": boolean | null,"created_at": string | null,"page_cursor": string | null
                      },"stay_quote": {
                        "nights": number | null,"price_per_night": number | null,"subtotal": number | null,"service_fee": number | null,"total": number | null,"currency": string | null,"available": boolean | null
                      }
          }
        }
}

type DatabaseWithoutInternals = Omit<Database, '__InternalSupabase'>

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">]

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
  ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R
    }
    ? R
    : never
  : never

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I
    }
    ? I
    : never
  : never

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
  ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U
    }
    ? U
    : never
  : never

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
  ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
  ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never

export const Constants = {
  "public": {
          Enums: {
            "cancelling_party": ["guest", "host", "staff"],"inquiry_change": ["author", "status", "severity", "assigned_to", "overdue", "rating"],"inquiry_severity": ["normal", "high", "urgent"],"inquiry_status": ["active", "pending", "resolved"],"invoice_kind": ["invoice", "credit_note"],"payment_status": ["pending", "paid", "failed", "expired", "refunded", "partially_refunded", "disputed"],"property_status": ["draft", "listed", "archived"],"reservation_status": ["held", "confirmed", "cancelled", "expired", "completed"],"user_role": ["user", "customer_service", "admin"]
          }
        }
} as const
