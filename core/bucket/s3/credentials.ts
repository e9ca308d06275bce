/** Credentials as given to a bucket. `core/aws` gets them. */
export type Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When to ask again; never if absent. */
  readonly expiration?: Date;
};

/** Each call fetches; clients of the SDK keep the answer until shortly before its expiration. */
export type CredentialProvider = () => Promise<Credentials>;

/** Where a service is: at the custom endpoint if there is one (as Ceph has it), else AWS's own in the region. */
export type ServicePlace = { readonly region: string; readonly endpoint?: string | undefined };

export type BucketCredentials = {
  /** Called once, with the bucket's place. Undefined: the SDK's own search. */
  readonly provide: (place: ServicePlace) => Promise<CredentialProvider | undefined>;
  /** ARN of the role that they assume; for messages. */
  readonly role?: string | undefined;
};
